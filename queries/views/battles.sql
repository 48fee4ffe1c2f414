-- Inputs: annotations_current, pairwise_verdicts, questions, selections. Grain: one row per decided comparison,
-- whoever decided it. `source` is human, author or judge; a skipped item is no battle, both_bad counts as a tie, and
-- a judge's pair counts once, when both of its games were read. `position` is the place in the imported file.
CREATE OR REPLACE VIEW battles AS
WITH arms AS (
    SELECT selection_id, question_id, response_a, response_b, max(arm) AS arm
    FROM selections
    GROUP BY ALL
),
decided AS (
    SELECT
        vote.annotation_id AS battle_id, vote.annotator_kind AS source, vote.annotator, 'annotation' AS protocol,
        vote.question_id, vote.turn, vote.model_a, vote.model_b, vote.verdict,
        vote.verdict = 'both_bad' AS both_bad, NULL::BOOLEAN AS consistent, NULL::VARCHAR AS mode,
        vote.response_a, vote.response_b, vote.selection_id, arms.arm, vote.decided_at, vote.position
    FROM annotations_current AS vote
    LEFT JOIN arms USING (selection_id, question_id, response_a, response_b)
    WHERE vote.verdict <> 'skip'
    UNION ALL
    SELECT
        verdict_id, 'judge', judge, 'pairwise', question_id, turn, model_a, model_b, verdict,
        false, consistent, mode, response_a, response_b, NULL, NULL, decided_at, NULL
    FROM pairwise_verdicts
    WHERE standing AND state = 'ok'
)
SELECT
    decided.* EXCLUDE (verdict),
    CASE decided.verdict WHEN 'a' THEN 'model_a' WHEN 'b' THEN 'model_b' ELSE 'tie' END AS winner,
    questions.category
FROM decided
LEFT JOIN questions USING (question_id);
