-- Selections, newest first, with how far people are. In: $annotator. One row a selection; an item is a pair of answers,
-- `control` counts those drawn at random; `voted` those that anybody decided, `mine` those this annotator did (skips
-- are decisions of their own, as when annotating).
WITH items AS (
    SELECT
        selection_id, question_id, response_a, response_b,
        any_value(name) AS name, any_value(method) FILTER (arm <> 'control') AS method, any_value(method) AS any_method,
        any_value(mode) AS mode, any_value(metric) AS metric, any_value(metric_version) AS metric_version,
        any_value(diversity) AS diversity, any_value(k) AS k, bool_and(arm = 'control') AS control,
        any_value(model_a) AS model_a, any_value(model_b) AS model_b, max(created_at) AS created_at
    FROM selections
    GROUP BY selection_id, question_id, response_a, response_b
),
voted AS (
    SELECT question_id, response_a, response_b, bool_or(annotator = $annotator) AS mine
    FROM annotations_current
    WHERE response_a IS NOT NULL
    GROUP BY question_id, response_a, response_b
)
SELECT
    items.selection_id,
    any_value(items.name) AS name,
    coalesce(any_value(items.method), any_value(items.any_method)) AS method,
    any_value(items.mode) AS mode, any_value(items.metric) AS metric,
    any_value(items.metric_version) AS metric_version, any_value(items.diversity) AS diversity,
    any_value(items.k) AS k,
    count(DISTINCT (items.model_a, items.model_b)) AS pairs,
    count(*) AS items,
    count(*) FILTER (items.control) AS control,
    count(voted.question_id) AS voted,
    count(*) FILTER (voted.mine) AS mine,
    max(items.created_at) AS created_at
FROM items
LEFT JOIN voted USING (question_id, response_a, response_b)
GROUP BY items.selection_id
ORDER BY max(items.created_at) DESC, items.selection_id;
