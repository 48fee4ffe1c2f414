-- The documents of BERTScore's idf: every distinct first turn among the answers in scope that are not blank, by its key
-- (of the text as it is, line breaks included), with an answer that has it and how many do.
WITH chosen AS (
    SELECT question_id
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
    ORDER BY bench, position NULLS LAST, question_id
    LIMIT $limit
)
SELECT left(sha256(r.turns[1]), 32) AS key, min(r.response_id) AS response_id, count(*) AS answers
FROM responses_current AS r
WHERE r.state = 'ok' AND r.sample = 0 AND regexp_matches(r.turns[1], '[^\p{Z}\t-\r]')
  AND r.model_id IN (SELECT unnest($models::VARCHAR[]))
  AND r.question_id IN (SELECT question_id FROM chosen)
GROUP BY key
ORDER BY key;
