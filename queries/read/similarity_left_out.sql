-- Per model of $models: of how many questions in scope, and how many of its answers cannot be compared: none is there
-- (absent), the last attempt failed, or the first turn is blank.
WITH chosen AS (
    SELECT question_id
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
    ORDER BY bench, position NULLS LAST, question_id
    LIMIT $limit
),
models AS (SELECT unnest($models::VARCHAR[]) AS model_id),
answers AS (
    SELECT model_id, state, coalesce(NOT regexp_matches(turns[1], '[^\p{Z}\t-\r]'), true) AS blank
    FROM responses_current
    WHERE sample = 0 AND model_id IN (SELECT model_id FROM models)
      AND question_id IN (SELECT question_id FROM chosen)
)
SELECT
    models.model_id,
    (SELECT count(*) FROM chosen) AS questions,
    (SELECT count(*) FROM chosen) - count(answers.state) AS absent,
    count(*) FILTER (answers.state <> 'ok') AS failed,
    count(*) FILTER (answers.state = 'ok' AND answers.blank) AS blank
FROM models
LEFT JOIN answers USING (model_id)
GROUP BY models.model_id
ORDER BY models.model_id;
