-- Every column of annotations, for export; of one benchmark if $bench is given.
SELECT *
FROM annotations
WHERE $bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench)
ORDER BY decided_at, position, annotation_id;
