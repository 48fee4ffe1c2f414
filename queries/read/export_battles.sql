-- Every column of battles, for export; of one benchmark if $bench is given.
SELECT *
FROM battles
WHERE $bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench)
ORDER BY decided_at, position, battle_id;
