-- Ids of questions in file order.
SELECT question_id
FROM questions
WHERE ($bench::VARCHAR IS NULL OR bench = $bench::VARCHAR)
  AND ($category::VARCHAR IS NULL OR category = $category::VARCHAR)
ORDER BY bench, position NULLS LAST, question_id
LIMIT $limit;
