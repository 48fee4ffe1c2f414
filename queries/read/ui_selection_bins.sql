-- Where a selection's items lie in the histogram of ui_similarity_pairs, by the metric that is looked at.
-- In: $selection_id; $metric, $metric_version (NULL: no similarity is looked at); $category (NULL = any); $low, $high, $bins.
-- One row a pair of models, arm and bin; `place` is NULL for items without a similarity by this metric.
SELECT
    chosen.model_a, chosen.model_b, chosen.arm,
    CASE
        WHEN isfinite(pair.score)
            THEN greatest(least(floor((pair.score - $low) / ($high - $low) * $bins), $bins - 1), 0)::INTEGER
    END AS place,
    count(*) AS n
FROM selections AS chosen
LEFT JOIN similarities AS pair
    ON pair.response_a = chosen.response_a AND pair.response_b = chosen.response_b
    AND pair.metric = $metric::VARCHAR AND pair.metric_version = $metric_version::VARCHAR
WHERE chosen.selection_id = $selection_id
    AND (
        $category::VARCHAR IS NULL
        OR chosen.question_id IN (SELECT question_id FROM questions WHERE category = $category::VARCHAR)
    )
GROUP BY ALL
ORDER BY ALL;
