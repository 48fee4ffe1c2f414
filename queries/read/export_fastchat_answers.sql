-- FastChat's lines of one answer file: $model's answers in force, or its reference answers ($kind reference).
-- Failed answers are left out, save those imported empty. Grain: one row per question, samples as parallel lists.
WITH chosen AS (
    SELECT 'answer' AS kind, question_id, model_id, sample, turns, params, response_id, created_at, state, error
    FROM responses_current
    WHERE (params->>'kind') IS DISTINCT FROM 'reference'
    UNION ALL
    SELECT 'reference', question_id, model_id, sample, turns, params, response_id, created_at, state, error
    FROM responses
    WHERE (params->>'kind') = 'reference'
    QUALIFY row_number() OVER (
        PARTITION BY question_id, model_id, sample ORDER BY created_at DESC, response_id
    ) = 1
)
SELECT
    chosen.question_id,
    list(sample ORDER BY sample) AS samples,
    list(chosen.turns ORDER BY sample) AS turns,
    arg_min(params, sample) AS params,
    arg_min(response_id, sample) AS response_id,
    max(chosen.created_at) AS created_at
FROM chosen
LEFT JOIN questions USING (question_id)
WHERE kind = $kind
  AND model_id = $model
  AND (state = 'ok' OR error = 'empty answer')
  AND ($bench::VARCHAR IS NULL OR bench = $bench)
GROUP BY chosen.question_id
ORDER BY min(position), chosen.question_id;
