-- A selection's items in the order of annotation: rank 1 of every pair of models first, both arms.
-- In: $selection_id; $metric, $metric_version (NULL: the selection's own similarity); $category, $model_a, $model_b
-- (NULL = any); $annotator; $limit.
-- One row an item and arm; `total` counts all, `people` those who decided it, `mine` says whether $annotator did.
WITH found AS MATERIALIZED (
    SELECT
        chosen.selection_id, chosen.arm, chosen.rank, chosen.model_a, chosen.model_b, chosen.question_id,
        chosen.response_a, chosen.response_b, chosen.similarity AS own, questions.category, questions.bench,
        count(*) OVER () AS total
    FROM selections AS chosen
    LEFT JOIN questions ON questions.question_id = chosen.question_id
    WHERE chosen.selection_id = $selection_id
        AND ($category::VARCHAR IS NULL OR questions.category = $category::VARCHAR)
        AND (
            $model_a::VARCHAR IS NULL
            OR (chosen.model_a = $model_a::VARCHAR AND chosen.model_b = $model_b::VARCHAR)
        )
    ORDER BY chosen.rank, chosen.model_a, chosen.model_b, chosen.arm
    LIMIT $limit
),
voted AS (
    SELECT
        question_id, response_a, response_b,
        count(DISTINCT annotator) AS people, bool_or(annotator = $annotator) AS mine
    FROM annotations_current
    WHERE response_a IN (SELECT response_a FROM found)
    GROUP BY ALL
)
SELECT
    found.* EXCLUDE (own),
    CASE
        WHEN $metric::VARCHAR IS NULL THEN found.own
        WHEN isfinite(pair.score) THEN pair.score
    END AS similarity,
    left(questions.turns[1], 600) AS instruction, len(questions.turns) AS turns,
    coalesce(voted.people, 0) AS people, coalesce(voted.mine, false) AS mine
FROM found
LEFT JOIN questions ON questions.question_id = found.question_id
LEFT JOIN similarities AS pair
    ON pair.response_a = found.response_a AND pair.response_b = found.response_b
    AND pair.metric = $metric::VARCHAR AND pair.metric_version = $metric_version::VARCHAR
LEFT JOIN voted
    ON voted.question_id = found.question_id AND voted.response_a = found.response_a
    AND voted.response_b = found.response_b
ORDER BY found.rank, found.model_a, found.model_b, found.arm;
