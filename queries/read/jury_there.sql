-- Ids of a jury's verdicts on these questions that are stored.
SELECT judgment_id
FROM judgments
WHERE judge = $judge AND judge_version = $judge_version AND question_id IN (SELECT unnest($ids::VARCHAR[]));
