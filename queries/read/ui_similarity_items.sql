-- Compared pairs of answers, the least alike first ($highest: the most alike first).
-- In: $metric, $metric_version; $category, $model_a, $model_b (NULL = any); $highest; $annotator; $limit.
-- One row a pair of answers; `rank` is its place in this list. `selection_id`: the newest selection that holds it.
WITH repeated AS MATERIALIZED (
    SELECT hash(question_id, model_id, sample) AS place
    FROM responses
    GROUP BY place
    HAVING count(*) > 1
),
replaced AS MATERIALIZED (
    SELECT response_id
    FROM responses
    WHERE hash(question_id, model_id, sample) IN (FROM repeated)
        AND (params->>'kind') IS DISTINCT FROM 'reference'
    QUALIFY row_number() OVER (
        PARTITION BY question_id, model_id, sample
        ORDER BY (state = 'ok') DESC, created_at DESC, attempt DESC, response_id
    ) > 1
),
found AS MATERIALIZED (
    SELECT
        pair.question_id, one.model_id AS model_a, two.model_id AS model_b, pair.response_a, pair.response_b,
        pair.score AS similarity
    FROM similarities AS pair
    JOIN responses AS one ON one.response_id = pair.response_a
    JOIN responses AS two ON two.response_id = pair.response_b
    WHERE pair.metric = $metric AND pair.metric_version = $metric_version AND isfinite(pair.score)
        AND ($model_a::VARCHAR IS NULL OR (one.model_id = $model_a::VARCHAR AND two.model_id = $model_b::VARCHAR))
        AND pair.response_a NOT IN (FROM replaced) AND pair.response_b NOT IN (FROM replaced)
        AND (
            $category::VARCHAR IS NULL
            OR pair.question_id IN (SELECT question_id FROM questions WHERE category = $category::VARCHAR)
        )
    ORDER BY CASE WHEN $highest THEN -pair.score ELSE pair.score END, pair.question_id, model_a, model_b
    LIMIT $limit
),
voted AS (
    SELECT
        question_id, response_a, response_b,
        count(DISTINCT annotator) AS people, bool_or(annotator = $annotator) AS mine
    FROM annotations_current
    WHERE response_a IN (SELECT response_a FROM found)
    GROUP BY ALL
),
holding AS (
    SELECT question_id, response_a, response_b, arg_max(selection_id, created_at) AS selection_id
    FROM selections
    WHERE response_a IN (SELECT response_a FROM found)
    GROUP BY ALL
)
SELECT
    row_number() OVER (ORDER BY CASE WHEN $highest THEN -similarity ELSE similarity END, question_id, model_a, model_b)
        AS rank,
    'pool' AS arm, model_a, model_b, question_id, response_a, response_b, similarity,
    holding.selection_id, questions.category, questions.bench, left(questions.turns[1], 600) AS instruction,
    len(questions.turns) AS turns, coalesce(voted.people, 0) AS people, coalesce(voted.mine, false) AS mine
FROM found
LEFT JOIN questions USING (question_id)
LEFT JOIN voted USING (question_id, response_a, response_b)
LEFT JOIN holding USING (question_id, response_a, response_b)
ORDER BY rank;
