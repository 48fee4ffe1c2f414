-- The questions of these ids that are there: what an import must not contradict.
SELECT question_id, turns, category, reference
FROM questions
WHERE question_id IN (SELECT unnest($ids::VARCHAR[]));
