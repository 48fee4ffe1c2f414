-- Comparisons that are no votes, by why and by whom. In: as bias_packed. One row per (who, state). `state`: a judge's failure;
-- pending: one of its two games is missing; superseded: the same judge judged it again; skipped: by a person; control: on an item of
-- a control arm.
WITH undecided AS (
    SELECT
        CASE WHEN starts_with(judge_version, 'jury:') THEN 'jury' ELSE 'judge' END AS source,
        judge AS rater, judge AS who, question_id, turn, model_a, model_b,
        CASE WHEN standing THEN state ELSE 'superseded' END AS state
    FROM pairwise_verdicts
    WHERE state <> 'ok' OR NOT standing
    UNION ALL
    SELECT annotator_kind, annotator, annotator_kind, question_id, turn, model_a, model_b, 'skipped'
    FROM annotations_current
    WHERE verdict = 'skip'
    UNION ALL
    SELECT annotator_kind, annotator, annotator_kind, question_id, turn, model_a, model_b, 'control'
    FROM annotations_current
    WHERE verdict <> 'skip' AND annotation_id IN (SELECT battle_id FROM control_votes)
)
SELECT undecided.who, undecided.state, count(*) AS n
FROM undecided
LEFT JOIN questions ON questions.question_id = undecided.question_id
WHERE CASE
        WHEN $by = 'all' THEN undecided.source NOT IN ('gold', 'jury')
        WHEN $by IN ('human', 'author', 'gold') THEN undecided.source = $by
        ELSE undecided.rater = $by
    END
    AND ($turn::INTEGER IS NULL OR undecided.turn = $turn)
    AND ($category::VARCHAR IS NULL OR coalesce(questions.category, 'none') = $category)
    AND ($bench::VARCHAR IS NULL OR questions.bench = $bench)
    AND ($baseline::VARCHAR IS NULL OR undecided.model_a = $baseline OR undecided.model_b = $baseline)
GROUP BY undecided.who, undecided.state
ORDER BY undecided.who, undecided.state;
