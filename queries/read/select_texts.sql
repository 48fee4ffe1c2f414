-- First turns of these questions, as they are embedded.
SELECT question_id, replace(turns[1], chr(10), ' ') AS text
FROM questions
WHERE question_id IN (SELECT unnest($ids::VARCHAR[]));
