-- How long this judge's verdicts were so far: for estimates.
SELECT count(completion_tokens) AS judgments, avg(completion_tokens) AS completion_tokens
FROM judgments
WHERE judge = $judge AND judge_version = $judge_version AND protocol = $protocol;
