-- Selections an annotator can choose from, newest first, with how far this annotator is.
-- In: $annotator. One row a selection.
WITH decided AS (
    SELECT DISTINCT a.question_id, a.response_a, a.response_b
    FROM annotations a
    WHERE a.annotator = $annotator
      AND a.cancels IS NULL
      AND NOT EXISTS (FROM annotations c WHERE c.cancels = a.annotation_id)
)
SELECT s.selection_id,
       any_value(s.name) AS name,
       any_value(s.method) AS method,
       any_value(s.metric) AS metric,
       any_value(s.diversity) AS diversity,
       any_value(s.k) AS k,
       count(DISTINCT (s.model_a, s.model_b)) AS pairs,
       count(DISTINCT (s.question_id, s.response_a, s.response_b)) AS items,
       count(DISTINCT (d.question_id, d.response_a, d.response_b))
           FILTER (d.question_id IS NOT NULL) AS done,
       max(s.created_at) AS created_at
FROM selections s
LEFT JOIN decided d USING (question_id, response_a, response_b)
GROUP BY s.selection_id
ORDER BY max(s.created_at) DESC, s.selection_id;
