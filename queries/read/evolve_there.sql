-- What is in the benchmark that new instructions go into, in file order. Of those that were evolved here `request` names
-- the request that brought them and `raw` is its whole answer; both are NULL for imported questions.
-- `check_state` is how the check of a new instruction ended; NULL where there was none.
SELECT
    question_id, turns[1] AS instruction, parent_id,
    json_extract_string(meta, '$.request') AS request,
    json_extract_string(meta, '$.raw') AS raw,
    json_extract_string(meta, '$.check.state') AS check_state
FROM questions
WHERE bench = $bench
ORDER BY position NULLS LAST, question_id;
