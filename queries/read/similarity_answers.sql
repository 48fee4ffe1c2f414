-- The answers in scope whose first turn is not blank, in file order, with the key of that text's embedding (line breaks
-- become spaces before embedding) and its length.
WITH chosen AS (
    SELECT question_id, bench, position
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
    ORDER BY bench, position NULLS LAST, question_id
    LIMIT $limit
)
SELECT
    r.question_id, r.response_id,
    left(sha256(replace(r.turns[1], chr(10), ' ')), 32) AS key,
    length(r.turns[1]) AS chars
FROM responses_current AS r
JOIN chosen AS q USING (question_id)
WHERE r.state = 'ok' AND r.sample = 0 AND trim(r.turns[1]) <> ''
  AND r.model_id IN (SELECT unnest($models::VARCHAR[]))
ORDER BY q.bench, q.position NULLS LAST, r.question_id, r.model_id;
