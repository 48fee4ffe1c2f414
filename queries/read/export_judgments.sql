-- Every column of judgments, for export; of one benchmark if $bench is given.
SELECT *
FROM judgments
WHERE $bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench)
ORDER BY created_at, judgment_id;
