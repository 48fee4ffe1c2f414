-- Save the scores of a block of pairs; those that are there already stay as they are.
-- touches: similarities
-- $rows is one JSON object of lists, an item a question: q its id, r its answers' ids, f and s the places in r of each
-- pair's answers, x for each of $metrics the pairs' scores. A fifth of the bytes of a row a pair, and read twice as fast.
INSERT OR IGNORE INTO similarities BY NAME
WITH given AS (
    SELECT from_json(
        $rows::VARCHAR,
        '{"q":["VARCHAR"],"r":[["VARCHAR"]],"f":[["USMALLINT"]],"s":[["USMALLINT"]],"x":[[["DOUBLE"]]]}'
    ) AS d
),
questions AS (
    SELECT unnest(d.q) AS q, unnest(d.r) AS r, unnest(d.f) AS f, unnest(d.s) AS s, unnest(d.x) AS x FROM given
),
scored AS (
    SELECT q, r, f, s, unnest($metrics::VARCHAR[]) AS metric, unnest(x) AS x FROM questions
),
pairs AS (
    SELECT q, r, metric, unnest(f) AS f, unnest(s) AS s, unnest(x) AS score FROM scored
)
SELECT
    q AS question_id, r[f + 1] AS response_a, r[s + 1] AS response_b, metric, $metric_version AS metric_version, score,
    $created_at::TIMESTAMP AS created_at
FROM pairs;
