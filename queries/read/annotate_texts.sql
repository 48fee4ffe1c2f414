-- The texts of a few items. In: lists of equal length $question_ids, $responses_a, $responses_b.
-- One row an item, in no particular order.
WITH wanted AS (
    SELECT unnest($question_ids::VARCHAR[]) AS question_id,
           unnest($responses_a::VARCHAR[]) AS response_a,
           unnest($responses_b::VARCHAR[]) AS response_b
), answers AS (
    SELECT response_id, turns
    FROM responses
    WHERE response_id IN (SELECT unnest($responses_a::VARCHAR[]) UNION ALL SELECT unnest($responses_b::VARCHAR[]))
)
SELECT w.question_id, w.response_a, w.response_b,
       q.category, q.turns AS question, q.reference, a.turns AS turns_a, b.turns AS turns_b
FROM wanted w
JOIN questions q ON q.question_id = w.question_id
JOIN answers a ON a.response_id = w.response_a
JOIN answers b ON b.response_id = w.response_b;
