-- The items of the newest selection of a name ($selection), and how many selections of that name there are.
SELECT
    question_id, response_a, response_b,
    (SELECT count(DISTINCT selection_id) FROM selections WHERE name = $selection) AS selections
FROM selections
WHERE selection_id = (
    SELECT selection_id FROM selections WHERE name = $selection GROUP BY selection_id
    ORDER BY max(created_at) DESC, selection_id LIMIT 1
);
