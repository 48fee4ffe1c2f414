-- The answers in force (first sample, no failure) of these models to these questions.
SELECT question_id, model_id, response_id
FROM responses_current
WHERE state = 'ok' AND sample = 0
  AND question_id IN (SELECT unnest($ids::VARCHAR[]))
  AND model_id IN (SELECT unnest($models::VARCHAR[]));
