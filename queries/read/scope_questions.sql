-- Which of these question ids there are.
SELECT question_id FROM questions WHERE question_id IN (SELECT unnest($ids::VARCHAR[]));
