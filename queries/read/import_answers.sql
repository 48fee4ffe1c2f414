-- The answer a vote is about: a model's first sample, in force and not failed.
SELECT question_id, model_id, response_id
FROM responses_current
WHERE sample = 0 AND state = 'ok' AND question_id IN (SELECT unnest($ids::VARCHAR[]));
