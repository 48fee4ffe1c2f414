-- Items of one selection whose question and answers are stored, rank 1 of every pair first.
-- In: $selection_id; $category, $model_a, $model_b (NULL = any). One row an item and arm.
SELECT s.question_id, s.model_a, s.model_b, s.response_a, s.response_b, s.rank,
       len(q.turns) AS turns
FROM selections s
JOIN questions q ON q.question_id = s.question_id
SEMI JOIN responses ra ON ra.response_id = s.response_a
SEMI JOIN responses rb ON rb.response_id = s.response_b
WHERE s.selection_id = $selection_id
  AND ($category::VARCHAR IS NULL OR q.category = $category)
  AND ($model_a::VARCHAR IS NULL OR (s.model_a = $model_a AND s.model_b = $model_b))
ORDER BY s.rank, s.model_a, s.model_b, s.arm;
