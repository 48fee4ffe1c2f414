-- Selections, newest first: what each was made with, and how many items and pairs of models it has. `votes`: votes of
-- people that stand on its items, whichever selection put them there; `newest`: the one its name means.
WITH items AS (
    SELECT selection_id, question_id, response_a, response_b, max(arm) AS arm
    FROM selections
    GROUP BY ALL
),
voted AS (
    SELECT question_id, response_a, response_b, count(*) AS n
    FROM annotations_current
    WHERE annotator_kind IN ('human', 'author') AND verdict <> 'skip' AND response_a IS NOT NULL
    GROUP BY ALL
),
counts AS (
    SELECT
        items.selection_id, count(*) AS items, count(*) FILTER (items.arm = 'control') AS control,
        count(DISTINCT items.question_id) AS questions,
        coalesce(sum(voted.n), 0)::BIGINT AS votes, count(voted.n) AS voted_items
    FROM items
    LEFT JOIN voted USING (question_id, response_a, response_b)
    GROUP BY items.selection_id
),
heads AS (
    SELECT
        selection_id, any_value(name) AS name, arg_max(method, arm) AS method, any_value(mode) AS mode,
        arg_max(metric, arm) AS metric, arg_max(metric_version, arm) AS metric_version,
        any_value(diversity) AS diversity, any_value(k) AS k, any_value(options) AS options,
        count(DISTINCT (model_a, model_b)) AS pairs, max(created_at) AS created_at
    FROM selections
    GROUP BY selection_id
)
SELECT
    heads.*, counts.* EXCLUDE (selection_id),
    row_number() OVER (PARTITION BY heads.name ORDER BY heads.created_at DESC, heads.selection_id) = 1 AS newest
FROM heads
JOIN counts USING (selection_id)
ORDER BY heads.created_at DESC, heads.selection_id;
