-- Models with a first answer (sample 0) in force that is no failure, and how many.
SELECT r.model_id, count(*) AS answers
FROM responses_current AS r
JOIN questions AS q USING (question_id)
WHERE r.state = 'ok' AND r.sample = 0 AND ($bench::VARCHAR IS NULL OR q.bench = $bench::VARCHAR)
GROUP BY r.model_id
ORDER BY r.model_id;
