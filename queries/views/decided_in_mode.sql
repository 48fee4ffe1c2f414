-- Inputs: annotations_current, pairwise_verdicts. Grain: one row per decided comparison and way it was judged: `decided`
-- are the rows with `standing`; those with `standing_in_mode` are the ones that would stand if there were only verdicts read
-- by the rules that `mode` names (corrected or compat). People's votes do not depend on it: their mode is NULL.
CREATE OR REPLACE VIEW decided_in_mode AS
SELECT
    annotation_id AS battle_id, annotator_kind AS source, annotator, question_id, turn, model_a, model_b,
    CASE verdict WHEN 'a' THEN 'model_a' WHEN 'b' THEN 'model_b' ELSE 'tie' END AS winner,
    NULL::BOOLEAN AS consistent, NULL::VARCHAR AS mode, decided_at, position, true AS standing, true AS standing_in_mode
FROM annotations_current
WHERE verdict <> 'skip' AND annotator_kind <> 'gold'
UNION ALL
SELECT
    verdict_id, CASE WHEN starts_with(judge_version, 'jury:') THEN 'jury' ELSE 'judge' END, judge, question_id, turn, model_a, model_b,
    CASE verdict WHEN 'a' THEN 'model_a' WHEN 'b' THEN 'model_b' ELSE 'tie' END,
    consistent, mode, decided_at, position, standing, standing_in_mode
FROM pairwise_verdicts
WHERE state = 'ok';
