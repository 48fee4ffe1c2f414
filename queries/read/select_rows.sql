-- The items of one selection ($selection_id), both arms, with where their questions stand in file order (within $bench;
-- NULL = all; -1: not among them) and their categories.
WITH chosen AS (
    SELECT question_id, row_number() OVER (ORDER BY bench, position NULLS LAST, question_id) - 1 AS place
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
)
SELECT
    s.method, s.arm, s.model_a, s.model_b, s.rank, s.question_id, s.response_a, s.response_b, s.score, s.similarity,
    s.metric, s.metric_version, coalesce(chosen.place, -1) AS place, q.category
FROM selections AS s
LEFT JOIN chosen USING (question_id)
LEFT JOIN questions AS q ON q.question_id = s.question_id
WHERE s.selection_id = $selection_id
ORDER BY s.model_a, s.model_b, s.arm DESC, s.rank;
