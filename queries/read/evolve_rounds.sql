-- How many questions each round of evolution brought into a benchmark, and of how many the check could not be read.
SELECT cast(json_extract_string(meta, '$.round') AS INTEGER) AS round, count(*) AS questions,
    count(*) FILTER (json_extract_string(meta, '$.check.state') <> 'ok') AS unread_checks
FROM questions
WHERE bench = $bench AND json_extract_string(meta, '$.request') IS NOT NULL
GROUP BY round
ORDER BY round;
