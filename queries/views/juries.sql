-- Inputs: judgments. Grain: one row per jury that has judged: a judge whose verdicts are made of other judges' stored ones.
CREATE OR REPLACE VIEW juries AS
SELECT DISTINCT judge
FROM judgments
WHERE starts_with(judge_version, 'jury:');
