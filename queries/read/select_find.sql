-- Selections of a name or id ('latest': any), newest first.
SELECT selection_id, name, max(created_at) AS created_at, count(*) AS items
FROM selections
WHERE $wanted = 'latest' OR name = $wanted OR selection_id = $wanted
GROUP BY selection_id, name
ORDER BY max(created_at) DESC, selection_id;
