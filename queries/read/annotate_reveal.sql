-- What was hidden about one pair of answers: its similarities and its judges' verdicts.
-- In: $response_a, $response_b. One row a similarity or judgment.
SELECT 'similarity' AS kind, metric AS name, NULL::INTEGER AS turn, NULL AS presented_order,
       printf('%.3f', score) AS verdict
FROM similarities
WHERE response_a = $response_a AND response_b = $response_b
UNION ALL
SELECT 'judgment', judge, turn, presented_order, CASE WHEN state = 'ok' THEN verdict ELSE state END
FROM judgments
WHERE response_a = $response_a AND response_b = $response_b AND protocol = 'pairwise'
ORDER BY kind, name, turn, presented_order
LIMIT 100;
