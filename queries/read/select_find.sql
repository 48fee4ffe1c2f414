-- Selections of a name or id ('latest': any), newest first.
SELECT
    selection_id, name, max(created_at) AS created_at, count(*) AS items,
    arg_max(method, arm) AS method, any_value(mode) AS mode, arg_max(metric, arm) AS metric,
    arg_max(metric_version, arm) AS metric_version, any_value(diversity) AS diversity, any_value(k) AS k,
    any_value(options) AS options
FROM selections
WHERE $wanted = 'latest' OR name = $wanted OR selection_id = $wanted
GROUP BY selection_id, name
ORDER BY max(created_at) DESC, selection_id;
