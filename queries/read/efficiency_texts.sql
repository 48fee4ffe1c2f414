-- First turns of these answers and questions, line breaks replaced by spaces, as they are embedded. In: $responses and
-- $questions, lists of ids. `kind`: response or question.
SELECT 'response' AS kind, response_id AS id, replace(turns[1], chr(10), ' ') AS text
FROM responses
WHERE response_id IN (SELECT unnest($responses::VARCHAR[]))
UNION ALL
SELECT 'question', question_id, replace(turns[1], chr(10), ' ')
FROM questions
WHERE question_id IN (SELECT unnest($questions::VARCHAR[]));
