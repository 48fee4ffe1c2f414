-- Inputs: pairwise_verdicts, annotations_current. Grain: one row per (source, rater, mode, turn, question_id): who won by
-- the place in which the answers were shown. `games` and wins are of all games that were read. `pairs` are the pairs of
-- which both games were read (judges only; an imported verdict over two games counts when it says whether they agreed);
-- `paired` ones are those whose two games are known one by one. Juries play no games.
CREATE OR REPLACE VIEW position_cells AS
SELECT
    'judge' AS source, judge AS rater, mode, turn, question_id,
    count(verdict_ab) + count(verdict_ba) AS games,
    count(*) FILTER (verdict_ab = 'a') + count(*) FILTER (verdict_ba = 'b') AS first_wins,
    count(*) FILTER (verdict_ab = 'b') + count(*) FILTER (verdict_ba = 'a') AS second_wins,
    count(consistent) AS pairs,
    count(*) FILTER (consistent) AS consistent,
    count(*) FILTER (verdict_ab = 'a' AND verdict_ba = 'b') AS first_both,
    count(*) FILTER (verdict_ab = 'b' AND verdict_ba = 'a') AS second_both,
    count(*) FILTER (verdict_ab IS NOT NULL AND verdict_ba IS NOT NULL) AS paired,
    count(*) FILTER (verdict_ab = verdict_ba) AS paired_same,
    count(*) FILTER (verdict_ab = 'a' AND verdict_ba IS NOT NULL)
        + count(*) FILTER (verdict_ba = 'b' AND verdict_ab IS NOT NULL) AS paired_first,
    count(*) FILTER (verdict_ab = 'b' AND verdict_ba IS NOT NULL)
        + count(*) FILTER (verdict_ba = 'a' AND verdict_ab IS NOT NULL) AS paired_second,
    count(*) FILTER (state NOT IN ('ok', 'pending')) AS left_out,
    count(*) FILTER (state = 'pending') AS pending
FROM pairwise_verdicts
WHERE standing AND NOT starts_with(judge_version, 'jury:')
GROUP BY judge, mode, turn, question_id
UNION ALL
SELECT
    annotator_kind, annotator, NULL, turn, question_id,
    count(*) FILTER (verdict <> 'skip'),
    count(*) FILTER ((presented_order = 'ab' AND verdict = 'a') OR (presented_order = 'ba' AND verdict = 'b')),
    count(*) FILTER ((presented_order = 'ab' AND verdict = 'b') OR (presented_order = 'ba' AND verdict = 'a')),
    0, 0, 0, 0, 0, 0, 0, 0, count(*) FILTER (verdict = 'skip'), 0
FROM annotations_current
WHERE presented_order IN ('ab', 'ba') AND annotator_kind <> 'gold'
GROUP BY annotator_kind, annotator, turn, question_id;
