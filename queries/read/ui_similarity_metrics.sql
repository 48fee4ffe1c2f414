-- Metrics that answers were compared by, the one used last first, with the range of their values.
-- One row a metric and version; `broken` counts values that are no number.
SELECT
    metric, metric_version,
    count(*) AS n,
    count(*) FILTER (NOT isfinite(score)) AS broken,
    min(score) FILTER (isfinite(score)) AS least,
    max(score) FILTER (isfinite(score)) AS greatest
FROM similarities
GROUP BY metric, metric_version
ORDER BY max(created_at) DESC, metric, metric_version;
