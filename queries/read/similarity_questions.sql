-- What is to be compared. One row a question in file order that at least two of $models answered; its lists are in the
-- order of the models' names, and places in them are counted from 0.
--   responses, keys, chars   the answers whose first turn is not blank: id, the key of that turn's text (without $raw, with
--                            line breaks as spaces), under which its encoding is kept, and its length
--   scored                   pairs of places i < j as i * 65536 + j that have all of $metrics in this version already
WITH chosen AS (
    SELECT question_id, bench, position
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
    ORDER BY bench, position NULLS LAST, question_id
    LIMIT $limit
),
answers AS (
    SELECT
        r.question_id, r.response_id, r.model_id, length(r.turns[1]) AS chars,
        left(sha256(CASE WHEN $raw THEN r.turns[1] ELSE replace(r.turns[1], chr(10), ' ') END), 32) AS key,
        row_number() OVER (PARTITION BY r.question_id ORDER BY r.model_id) - 1 AS place
    FROM responses_current AS r
    WHERE r.state = 'ok' AND r.sample = 0 AND regexp_matches(r.turns[1], '[^\p{Z}\t-\r]')
      AND r.model_id IN (SELECT unnest($models::VARCHAR[]))
      AND r.question_id IN (SELECT question_id FROM chosen)
),
found AS (
    SELECT response_a, response_b
    FROM similarities
    WHERE metric IN (SELECT unnest($metrics::VARCHAR[])) AND metric_version = $metric_version
    GROUP BY response_a, response_b
    HAVING count(*) = len($metrics::VARCHAR[])
),
scored AS (
    SELECT a.question_id, list(a.place * 65536 + b.place) AS pairs
    FROM found
    JOIN answers AS a ON a.response_id = found.response_a
    JOIN answers AS b ON b.response_id = found.response_b AND b.question_id = a.question_id
    GROUP BY a.question_id
),
grouped AS (
    SELECT
        question_id, list(response_id ORDER BY place) AS responses, list(key ORDER BY place) AS keys,
        list(chars ORDER BY place) AS chars
    FROM answers
    GROUP BY question_id
    HAVING count(*) > 1
)
SELECT question_id, responses, keys, chars, coalesce(scored.pairs, []) AS scored
FROM grouped
JOIN chosen USING (question_id)
LEFT JOIN scored USING (question_id)
ORDER BY chosen.bench, chosen.position NULLS LAST, question_id;
