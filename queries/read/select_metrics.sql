-- Metrics and versions there are similarities of, the one with the latest first.
SELECT metric, metric_version, count(*) AS pairs, max(created_at) AS latest
FROM similarities
GROUP BY ALL
ORDER BY latest DESC, metric, metric_version;
