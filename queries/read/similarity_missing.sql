-- Pairs of answers to the same question that have no similarity by this metric and encoder yet, in file order; the
-- first is by the model whose name sorts first.
WITH chosen AS (
    SELECT question_id, bench, position
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
    ORDER BY bench, position NULLS LAST, question_id
    LIMIT $limit
),
answers AS (
    SELECT r.question_id, r.model_id, r.response_id, q.bench, q.position
    FROM responses_current AS r
    JOIN chosen AS q USING (question_id)
    WHERE r.state = 'ok' AND r.sample = 0 AND trim(r.turns[1]) <> ''
      AND r.model_id IN (SELECT unnest($models::VARCHAR[]))
)
SELECT a.question_id, a.response_id AS response_a, b.response_id AS response_b
FROM answers AS a
JOIN answers AS b ON a.question_id = b.question_id AND a.model_id < b.model_id
WHERE NOT EXISTS (
    SELECT 1
    FROM similarities AS s
    WHERE s.response_a = a.response_id AND s.response_b = b.response_id
      AND s.metric = $metric AND s.metric_version = $metric_version
)
ORDER BY a.bench, a.position NULLS LAST, a.question_id, a.model_id, b.model_id;
