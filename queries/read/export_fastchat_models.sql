-- The answer files there will be: models with answers, and models with reference answers.
SELECT DISTINCT
    model_id,
    CASE WHEN (params->>'kind') = 'reference' THEN 'reference' ELSE 'answer' END AS kind
FROM responses
LEFT JOIN questions USING (question_id)
WHERE (state = 'ok' OR error = 'empty answer')
  AND ($bench::VARCHAR IS NULL OR bench = $bench)
ORDER BY kind, model_id;
