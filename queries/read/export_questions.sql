-- Every column of questions, for export; of one benchmark if $bench is given.
SELECT *
FROM questions
WHERE $bench::VARCHAR IS NULL OR bench = $bench
ORDER BY bench, position, question_id;
