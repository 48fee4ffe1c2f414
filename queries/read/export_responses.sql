-- Every column of responses, for export; of one benchmark if $bench is given.
SELECT *
FROM responses
WHERE $bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench)
ORDER BY model_id, question_id, sample, attempt, created_at, response_id;
