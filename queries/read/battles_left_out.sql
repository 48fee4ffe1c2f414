-- Comparisons that are no battles of a leaderboard, by why. In: as battles_counted. `state`: the judge's failure;
-- pending: one of the two games is missing; superseded: the same judge judged it again; other_mode: read by the other
-- rules ($mode); skipped: by an annotator; control: on an item of a control arm
-- ($arm; not_control: on another item); author: the paper's authors, who are not among the people ($by = human only).
WITH undecided AS (
    SELECT
        CASE
            WHEN $mode::VARCHAR IS NOT NULL AND mode <> $mode THEN 'other_mode'
            WHEN CASE WHEN $mode::VARCHAR IS NULL THEN standing ELSE standing_in_mode END THEN state
            ELSE 'superseded'
        END AS state,
        CASE WHEN starts_with(judge_version, 'jury:') THEN 'jury' ELSE 'judge' END AS source,
        judge AS rater, question_id, turn, model_a, model_b, verdict_id AS battle_id
    FROM pairwise_verdicts
    WHERE state <> 'ok'
        OR CASE WHEN $mode::VARCHAR IS NULL THEN NOT standing ELSE NOT standing_in_mode OR mode <> $mode END
    UNION ALL
    SELECT 'skipped', annotator_kind, annotator, question_id, turn, model_a, model_b, annotation_id
    FROM annotations_current
    WHERE verdict = 'skip' AND annotator_kind IN ('human', 'author')
    UNION ALL
    SELECT 'author', 'human', NULL, question_id, turn, model_a, model_b, annotation_id
    FROM annotations_current
    WHERE $by = 'human' AND annotator_kind = 'author' AND verdict <> 'skip'
    UNION ALL
    SELECT
        CASE $arm WHEN 'control' THEN 'not_control' ELSE 'control' END, annotator_kind, annotator, question_id, turn,
        model_a, model_b, annotation_id
    FROM annotations_current
    WHERE verdict <> 'skip' AND annotator_kind IN ('human', 'author')
        AND (annotation_id IN (SELECT battle_id FROM control_votes)) = ($arm <> 'control')
)
SELECT undecided.state, count(*) AS n
FROM undecided
LEFT JOIN questions USING (question_id)
WHERE CASE WHEN $by = 'all' THEN source <> 'jury' WHEN $by IN ('human', 'author') THEN source = $by ELSE rater = $by END
    AND ($turn::INTEGER IS NULL OR undecided.turn = $turn)
    AND ($category::VARCHAR IS NULL OR coalesce(questions.category, 'none') = $category)
    AND ($bench::VARCHAR IS NULL OR questions.bench = $bench)
    AND ($baseline::VARCHAR IS NULL OR model_a = $baseline OR model_b = $baseline)
    AND (
        $models::VARCHAR[] IS NULL
        OR CASE
            WHEN NOT $one_sided THEN list_contains($models, model_a) AND list_contains($models, model_b)
            WHEN battle_id IN (SELECT battle_id FROM battles_turned) THEN list_contains($models, model_b)
            ELSE list_contains($models, model_a)
        END
    )
GROUP BY undecided.state
ORDER BY undecided.state;
