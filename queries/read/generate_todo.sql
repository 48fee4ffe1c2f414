-- What a model has yet to answer under its settings ($params_hash): one row a (question, sample) with no response at
-- all or, with $retry_failed, with failures only. `attempt` numbers the next try. In file order.
WITH chosen AS (
    SELECT question_id, turns, category, meta->>'required_temperature' AS required_temperature, bench, position
    FROM questions
    WHERE ($bench::VARCHAR IS NULL OR bench = $bench::VARCHAR)
      AND ($category::VARCHAR IS NULL OR category = $category::VARCHAR)
      AND (len($questions::VARCHAR[]) = 0 OR question_id IN (SELECT unnest($questions::VARCHAR[])))
    ORDER BY bench, position NULLS LAST, question_id
    LIMIT $limit
),
wanted AS (
    SELECT chosen.*, samples.sample FROM chosen CROSS JOIN range($samples) AS samples (sample)
),
recorded AS (
    SELECT question_id, sample, bool_or(state = 'ok') AS answered, max(attempt) + 1 AS attempt
    FROM responses
    WHERE model_id = $model AND params_hash = $params_hash
    GROUP BY question_id, sample
)
SELECT
    wanted.question_id, wanted.sample, wanted.turns, wanted.category, wanted.required_temperature,
    coalesce(recorded.attempt, 0) AS attempt
FROM wanted
LEFT JOIN recorded USING (question_id, sample)
WHERE recorded.question_id IS NULL OR ($retry_failed AND NOT recorded.answered)
ORDER BY wanted.bench, wanted.position NULLS LAST, wanted.question_id, wanted.sample;
