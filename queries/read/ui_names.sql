-- Names a form can offer. One row a (what, name); selections newest first.
SELECT what, name FROM (
    SELECT 'bench' AS what, bench AS name, 0 AS place FROM questions GROUP BY bench
    UNION ALL
    SELECT 'model', model_id, 0 FROM responses WHERE state = 'ok' GROUP BY model_id
    UNION ALL
    SELECT 'selection', name, -epoch(max(created_at))::BIGINT FROM selections GROUP BY name
)
ORDER BY what, place, name;
