-- Inputs: annotations_current, pairwise_verdicts. Grain: one row per decided comparison, whoever decided it: what
-- `battles` holds, without what has to be looked up (so that a leaderboard of all of them is quick). `source` is human,
-- author, judge, or jury (several judges' verdicts made one, which pools of everybody must not count again); a skipped item is no comparison, both_bad counts as a tie, and a judge's pair counts once, when both
-- of its games were read. Gold answers, which came with a test set, are what verdicts are measured against: no battle.
CREATE OR REPLACE VIEW decided AS
SELECT
    annotation_id AS battle_id, annotator_kind AS source, annotator, 'annotation' AS protocol, question_id, turn,
    model_a, model_b,
    CASE verdict WHEN 'a' THEN 'model_a' WHEN 'b' THEN 'model_b' ELSE 'tie' END AS winner,
    verdict = 'both_bad' AS both_bad, NULL::BOOLEAN AS consistent, NULL::VARCHAR AS mode, response_a, response_b,
    selection_id, decided_at, position
FROM annotations_current
WHERE verdict <> 'skip' AND annotator_kind <> 'gold'
UNION ALL
SELECT
    verdict_id, CASE WHEN starts_with(judge_version, 'jury:') THEN 'jury' ELSE 'judge' END, judge, 'pairwise', question_id, turn, model_a, model_b,
    CASE verdict WHEN 'a' THEN 'model_a' WHEN 'b' THEN 'model_b' ELSE 'tie' END,
    false, consistent, mode, response_a, response_b, NULL, decided_at, position
FROM pairwise_verdicts
WHERE standing AND state = 'ok';
