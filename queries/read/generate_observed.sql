-- What answers of a model came to so far, under its present settings: for estimates.
SELECT
    count(completion_tokens) AS answers,
    avg(completion_tokens / greatest(len(turns), 1)) AS completion_tokens
FROM responses
WHERE model_id = $model AND params_hash = $params_hash AND state = 'ok';
