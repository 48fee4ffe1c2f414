-- The answer a vote is about: a model's first sample, the newest if there are several. Reference answers are none.
SELECT
    question_id,
    model_id,
    arg_max(response_id, (created_at, attempt, response_id)) AS response_id
FROM responses
WHERE question_id IN (SELECT unnest($ids::VARCHAR[]))
  AND sample = 0
  AND state = 'ok'
  AND params_hash NOT LIKE 'reference:%'
GROUP BY question_id, model_id;
