-- Questions in file order with their category, the key of their first turn's embedding (line breaks become spaces before
-- embedding), and its length.
SELECT question_id, category, left(sha256(replace(turns[1], chr(10), ' ')), 32) AS key, length(turns[1]) AS chars
FROM questions
WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
ORDER BY bench, position NULLS LAST, question_id;
