-- Inputs: judgments, responses. Grain: one row per (judge, judge_version, template, template_hash, mode, sample,
-- question_id, turn, model_a, model_b, response_a, response_b): the two games of a pair as one verdict.
--
-- FastChat's rule: the same winner twice is the winner; all else is a tie, and `consistent` is false unless both games
-- were ties. `state` is ok when both games are; pending while one is still missing; else the first failure's. The
-- attempt that counts in each game is the one of judgments_current.
-- `standing` marks the verdict that counts where one judge judged the same place (question, turn, models and their
-- sample numbers) in several ways: the finished one, corrected before compat, then the latest. `standing_in_mode`
-- is the same within one mode.
CREATE OR REPLACE VIEW pairwise_verdicts AS
WITH attempts AS (
    SELECT
        judge, judge_version, template, template_hash, mode, sample, question_id, turn,
        model_a, model_b, response_a, response_b, presented_order,
        {
            'ok': state = 'ok', 'attempt': attempt, 'created_at': created_at, 'id': judgment_id,
            'state': state, 'verdict': verdict, 'inconsistent': inconsistent
        } AS game
    FROM judgments
    WHERE protocol = 'pairwise'
),
games AS (
    SELECT
        * EXCLUDE (presented_order, game),
        max(game) FILTER (presented_order = 'ab') AS ab,
        max(game) FILTER (presented_order = 'ba') AS ba,
        max(game) FILTER (presented_order = 'both') AS "both"
    FROM attempts
    GROUP BY ALL
),
combined AS (
    SELECT
        * EXCLUDE (ab, ba, "both"),
        coalesce(ab.id, ba.id, "both".id) AS verdict_id,
        greatest(ab.created_at, ba.created_at, "both".created_at) AS decided_at,
        ab.state AS state_ab,
        ba.state AS state_ba,
        CASE WHEN ab.ok THEN ab.verdict END AS verdict_ab,
        CASE WHEN ba.ok THEN ba.verdict END AS verdict_ba,
        CASE
            WHEN ab.ok AND ba.ok THEN 'ok'
            WHEN NOT ab.ok THEN ab.state
            WHEN NOT ba.ok THEN ba.state
            WHEN ab IS NULL AND ba IS NULL THEN "both".state
            ELSE 'pending'
        END AS state,
        CASE
            WHEN ab.ok AND ba.ok THEN CASE WHEN ab.verdict = ba.verdict THEN ab.verdict ELSE 'tie' END
            WHEN ab IS NULL AND ba IS NULL AND "both".ok THEN "both".verdict
        END AS verdict,
        CASE
            WHEN ab.ok AND ba.ok THEN ab.verdict = ba.verdict
            WHEN ab IS NULL AND ba IS NULL AND "both".ok THEN NOT "both".inconsistent
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
