-- Every similarity that is stored of these pairs of answers. In: $first and $second, equally long lists of response ids;
-- $second[i] is compared with $first[i]. Metrics with the latest similarities come first.
WITH wanted AS (
    SELECT DISTINCT unnest($first::VARCHAR[]) AS response_a, unnest($second::VARCHAR[]) AS response_b
)
SELECT metric, metric_version, response_a, response_b, score
FROM similarities
JOIN wanted USING (response_a, response_b)
ORDER BY max(created_at) OVER (PARTITION BY metric, metric_version) DESC, metric, metric_version;
