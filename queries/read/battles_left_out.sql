-- Comparisons that are no battles of a leaderboard, by why. In: as battles_packed. `state`: the judge's failure;
-- pending: one of the two games is missing; superseded: the same judge judged it again; skipped: by an annotator;
-- author: the paper's authors, who are not among the people ($by = human only).
WITH undecided AS (
    SELECT
        CASE WHEN standing THEN state ELSE 'superseded' END AS state,
        'judge' AS source, judge AS rater, question_id, turn
    FROM pairwise_verdicts
    WHERE state <> 'ok' OR NOT standing
    UNION ALL
    SELECT 'skipped', annotator_kind, annotator, question_id, turn
    FROM annotations_current
    WHERE verdict = 'skip'
    UNION ALL
    SELECT 'author', 'human', NULL, question_id, turn
    FROM annotations_current
    WHERE $by = 'human' AND annotator_kind = 'author' AND verdict <> 'skip'
)
SELECT undecided.state, count(*) AS n
FROM undecided
LEFT JOIN questions USING (question_id)
WHERE CASE WHEN $by = 'all' THEN true WHEN $by IN ('human', 'author') THEN source = $by ELSE rater = $by END
    AND ($turn::INTEGER IS NULL OR undecided.turn = $turn)
    AND ($category::VARCHAR IS NULL OR questions.category = $category)
GROUP BY undecided.state
ORDER BY undecided.state;
