-- Inputs: pairwise_verdicts, annotations_current. Grain: one row per (source, rater). Each game shows one answer first;
-- without bias the first wins as often as the second. `first_share` is of the games with a winner. For judges, pairs of
-- which both games were read: how many were consistent, and how many went to the first (second) place both times.
CREATE OR REPLACE VIEW position_bias AS
WITH games AS (
    SELECT
        'judge' AS source, judge AS rater,
        count(verdict_ab) + count(verdict_ba) AS games,
        count(*) FILTER (verdict_ab = 'a') + count(*) FILTER (verdict_ba = 'b') AS first_wins,
        count(*) FILTER (verdict_ab = 'b') + count(*) FILTER (verdict_ba = 'a') AS second_wins,
        count(consistent) AS pairs,
        count(*) FILTER (consistent) AS consistent,
        count(*) FILTER (verdict_ab = 'a' AND verdict_ba = 'b') AS first_both,
        count(*) FILTER (verdict_ab = 'b' AND verdict_ba = 'a') AS second_both,
        count(*) FILTER (state NOT IN ('ok', 'pending')) AS left_out
    FROM pairwise_verdicts
    WHERE standing
    GROUP BY judge
    UNION ALL
    SELECT
        annotator_kind, annotator,
        count(*),
        count(*) FILTER ((presented_order = 'ab' AND verdict = 'a') OR (presented_order = 'ba' AND verdict = 'b')),
        count(*) FILTER ((presented_order = 'ab' AND verdict = 'b') OR (presented_order = 'ba' AND verdict = 'a')),
        0, 0, 0, 0, 0
    FROM annotations_current
    WHERE presented_order IN ('ab', 'ba') AND verdict <> 'skip'
    GROUP BY annotator_kind, annotator
)
SELECT
    source, rater, games, first_wins, second_wins, games - first_wins - second_wins AS ties,
    first_wins / nullif(first_wins + second_wins, 0) AS first_share,
    pairs, consistent, consistent / nullif(pairs, 0) AS consistent_share,
    first_both, second_both, left_out
FROM games;
