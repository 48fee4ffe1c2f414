-- Inputs: judgments_current, responses. Grain: one row per (judge, judge_version, template, template_hash, mode,
-- sample, question_id, turn, model_a, model_b, response_a, response_b): the two games of a pair as one verdict.
--
-- FastChat's rule: the same winner twice is the winner; all else is a tie, and `consistent` is false unless both games
-- were ties. `state` is ok when both games are; pending while one is still missing; else the first failure's.
-- `standing` marks the verdict that counts where one judge judged the same pair of answers' places (question, turn,
-- models and their sample numbers) in several ways: the finished one, corrected before compat, then the latest.
-- `standing_in_mode` is the same within one mode.
CREATE OR REPLACE VIEW pairwise_verdicts AS
WITH games AS (
    SELECT
        judge, judge_version, template, template_hash, mode, sample, question_id, turn,
        model_a, model_b, response_a, response_b,
        count(*) AS games,
        min(judgment_id) AS verdict_id,
        max(created_at) AS decided_at,
        any_value(state) FILTER (presented_order = 'ab') AS state_ab,
        any_value(state) FILTER (presented_order = 'ba') AS state_ba,
        any_value(state) FILTER (presented_order = 'both') AS state_both,
        any_value(verdict) FILTER (presented_order = 'ab') AS verdict_ab,
        any_value(verdict) FILTER (presented_order = 'ba') AS verdict_ba,
        any_value(verdict) FILTER (presented_order = 'both') AS verdict_both,
        bool_or(inconsistent) FILTER (presented_order = 'both') AS inconsistent_both
    FROM judgments_current
    WHERE protocol = 'pairwise'
    GROUP BY ALL
),
combined AS (
    SELECT
        * EXCLUDE (state_ab, state_ba, state_both, verdict_both, inconsistent_both),
        CASE
            WHEN state_ab = 'ok' AND state_ba = 'ok' THEN 'ok'
            WHEN state_ab <> 'ok' THEN state_ab
            WHEN state_ba <> 'ok' THEN state_ba
            ELSE coalesce(state_both, 'pending')
        END AS state,
        CASE
            WHEN state_ab = 'ok' AND state_ba = 'ok'
                THEN CASE WHEN verdict_ab = verdict_ba THEN verdict_ab ELSE 'tie' END
            WHEN state_both = 'ok' THEN verdict_both
        END AS verdict,
        CASE
            WHEN state_ab = 'ok' AND state_ba = 'ok' THEN verdict_ab = verdict_ba
            WHEN state_both = 'ok' THEN NOT inconsistent_both
        END AS consistent
    FROM games
),
placed AS (
    SELECT
        combined.*,
        coalesce(first.sample, 0) AS sample_a,
        coalesce(second.sample, 0) AS sample_b
    FROM combined
    LEFT JOIN responses AS first ON first.response_id = combined.response_a
    LEFT JOIN responses AS second ON second.response_id = combined.response_b
)
SELECT
    *,
    row_number() OVER (
        PARTITION BY judge, sample, question_id, turn, model_a, model_b, sample_a, sample_b
        ORDER BY (state = 'pending'), (mode = 'corrected') DESC, decided_at DESC, verdict_id
    ) = 1 AS standing,
    row_number() OVER (
        PARTITION BY judge, sample, question_id, turn, model_a, model_b, sample_a, sample_b, mode
        ORDER BY (state = 'pending'), decided_at DESC, verdict_id
    ) = 1 AS standing_in_mode
FROM placed;
