-- The answers in force (first sample, no failure) of these models to these questions, without their texts.
SELECT
    question_id, model_id, response_id, list_transform(turns, lambda t: length(t)) AS chars
FROM responses_current
WHERE state = 'ok' AND sample = 0
  AND question_id IN (SELECT unnest($ids::VARCHAR[]))
  AND model_id IN (SELECT unnest($models::VARCHAR[]))
ORDER BY question_id, model_id;
