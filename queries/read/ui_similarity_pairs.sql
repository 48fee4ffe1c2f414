-- How alike models' answers are: every pair of models with its histogram, and all pairs together (models NULL).
-- In: $metric, $metric_version; $category (NULL = any); $low, $high: bounds of the histogram; $bins: how many bins.
-- One row a pair of models; `places` (0 is the first bin) and `counts` name the bins that are not empty.
-- Answers that a later attempt replaced are left out, as in responses_current; only the few that were made more than
-- once are sorted for that, so that 840,000 similarities take half a second.
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
pool AS MATERIALIZED (
    SELECT
        one.model_id AS model_a, two.model_id AS model_b, pair.score,
        greatest(least(floor((pair.score - $low) / ($high - $low) * $bins), $bins - 1), 0)::INTEGER AS place
    FROM similarities AS pair
    JOIN responses AS one ON one.response_id = pair.response_a
    JOIN responses AS two ON two.response_id = pair.response_b
    WHERE pair.metric = $metric AND pair.metric_version = $metric_version AND isfinite(pair.score)
        AND pair.response_a NOT IN (FROM replaced) AND pair.response_b NOT IN (FROM replaced)
        AND (
            $category::VARCHAR IS NULL
            OR pair.question_id IN (SELECT question_id FROM questions WHERE category = $category::VARCHAR)
        )
),
counted AS (
    SELECT model_a, model_b, place, count(*) AS n
    FROM pool
    GROUP BY GROUPING SETS ((model_a, model_b, place), (place))
),
binned AS (
    SELECT model_a, model_b, list(place ORDER BY place) AS places, list(n ORDER BY place) AS counts
    FROM counted
    GROUP BY model_a, model_b
),
summed AS (
    SELECT model_a, model_b, count(*) AS n, median(score) AS middle, min(score) AS least, max(score) AS greatest
    FROM pool
    GROUP BY GROUPING SETS ((model_a, model_b), ())
    HAVING count(*) > 0
)
SELECT summed.*, binned.places, binned.counts
FROM summed
JOIN binned
    ON binned.model_a IS NOT DISTINCT FROM summed.model_a AND binned.model_b IS NOT DISTINCT FROM summed.model_b
ORDER BY summed.model_a NULLS FIRST, summed.model_b;
