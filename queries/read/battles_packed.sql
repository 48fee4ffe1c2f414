-- The battles of one leaderboard. In: $by (all, human, author, or the name of a judge or annotator), $turn and $category
-- (NULL = any). One row: `models` in name order; `battles`, one number each, in the order they were decided,
-- ((question · K + model_a) · K + model_b) · 3 + twice model_a's score, where K is the number of models (a million battles
-- as rows would take seconds to send); `inconsistent`: battles whose two games disagreed; `modes` of the judges' verdicts.
WITH chosen AS MATERIALIZED (
    SELECT question_id, turn, model_a, model_b, winner, consistent, mode, decided_at, position, battle_id
    FROM battles
    WHERE CASE WHEN $by = 'all' THEN true WHEN $by IN ('human', 'author') THEN source = $by ELSE annotator = $by END
        AND ($turn::INTEGER IS NULL OR turn = $turn)
        AND ($category::VARCHAR IS NULL OR category = $category)
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
        -- Imported verdicts may share one time: then questions keep their file's order.
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
