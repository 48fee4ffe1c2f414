-- The battles of one leaderboard in the order they were decided. In: as battles_counted. One row: `models` in name order;
-- `battles`, one number each, ((question · K + model_a) · K + model_b) · 3 + twice model_a's score, where K is the number
-- of models (a million battles as rows would take seconds to send); `inconsistent`: battles whose two games disagreed;
-- `modes` of the judges' verdicts.
WITH chosen AS MATERIALIZED (
    SELECT question_id, turn, model_a, model_b, winner, consistent, mode, decided_at, position, battle_id
    FROM decided_in_mode
    WHERE CASE WHEN $mode::VARCHAR IS NULL THEN standing ELSE standing_in_mode AND (mode IS NULL OR mode = $mode) END
        AND CASE WHEN $by = 'all' THEN source <> 'jury' WHEN $by IN ('human', 'author') THEN source = $by ELSE annotator = $by END
        AND CASE $arm
            WHEN 'control' THEN battle_id IN (SELECT battle_id FROM control_votes)
            ELSE battle_id NOT IN (SELECT battle_id FROM control_votes)
        END
        AND ($turn::INTEGER IS NULL OR turn = $turn)
        AND CASE
            WHEN $category::VARCHAR IS NULL THEN true
            WHEN $category = 'none' THEN question_id NOT IN (SELECT question_id FROM questions WHERE category <> 'none')
            ELSE question_id IN (SELECT question_id FROM questions WHERE category = $category)
        END
        AND ($bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench))
        AND ($baseline::VARCHAR IS NULL OR model_a = $baseline OR model_b = $baseline)
        AND (
            $models::VARCHAR[] IS NULL
            OR CASE
                WHEN NOT $one_sided THEN list_contains($models, model_a) AND list_contains($models, model_b)
                WHEN battle_id IN (SELECT battle_id FROM battles_turned) THEN list_contains($models, model_b)
                ELSE list_contains($models, model_a)
            END
        )
),
names AS MATERIALIZED (
    SELECT name, row_number() OVER (ORDER BY name) - 1 AS code
    FROM (SELECT model_a AS name FROM chosen UNION SELECT model_b FROM chosen)
),
asked AS (
    SELECT question_id, row_number() OVER (ORDER BY question_id) - 1 AS code
    FROM (SELECT DISTINCT question_id FROM chosen)
),
coded AS (
    SELECT
        ((asked.code * (SELECT count(*) FROM names) + one.code) * (SELECT count(*) FROM names) + two.code) * 3
            + CASE chosen.winner WHEN 'model_a' THEN 2 WHEN 'tie' THEN 1 ELSE 0 END AS packed,
        -- Imported verdicts may share one time: then the file's order holds, then that of their questions.
        (chosen.decided_at, chosen.position, questions.position, chosen.turn, one.code, two.code, chosen.battle_id) AS place
    FROM chosen
    JOIN names AS one ON one.name = chosen.model_a
    JOIN names AS two ON two.name = chosen.model_b
    JOIN asked ON asked.question_id = chosen.question_id
    LEFT JOIN questions ON questions.question_id = chosen.question_id
)
SELECT
    (SELECT list(name ORDER BY code) FROM names) AS models,
    (SELECT list(packed ORDER BY place) FROM coded) AS battles,
    (SELECT count(*) FILTER (NOT consistent) FROM chosen) AS inconsistent,
    (SELECT list(DISTINCT mode ORDER BY mode) FILTER (mode IS NOT NULL) FROM chosen) AS modes;
