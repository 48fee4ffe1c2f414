-- The battles of one leaderboard, counted: for ratings that do not depend on their order (battles_packed keeps it).
-- In: $by (all: without juries, whose members are in; human, author, or the name of a judge, jury or annotator); $turn, $category ('none' = without one), $bench and
-- $mode (corrected or compat), each NULL for any; $models (a list; NULL = all): both models must be in it, or only the
-- one that the file names first if $one_sided; $baseline (NULL = none): one of the two models must be it; $arm: selected leaves votes on
-- items of a control arm out, control takes no others (the two are never pooled).
-- One row. `models`: names in order, K of them. A battle's cell is (model_a · K + model_b) · 3 + twice model_a's score.
-- `single`, `single_n`: cells of the questions with one battle and how often each comes; such questions differ in nothing
-- else, so that a million of them are a few hundred numbers. `several`: (question · 3K² + cell) · `base` + how often, for the
-- other questions, numbered from 0; in no order. `inconsistent`: battles whose two games disagreed; `modes`: readings of
-- judges' verdicts.
WITH chosen AS MATERIALIZED (
    SELECT question_id, model_a, model_b, winner, consistent, mode
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
size AS (
    SELECT count(*) AS models FROM names
),
coded AS MATERIALIZED (
    SELECT
        question_id,
        (one.code * (SELECT models FROM size) + two.code) * 3
            + CASE chosen.winner WHEN 'model_a' THEN 2 WHEN 'tie' THEN 1 ELSE 0 END AS cell
    FROM chosen
    JOIN names AS one ON one.name = chosen.model_a
    JOIN names AS two ON two.name = chosen.model_b
),
asked AS MATERIALIZED (
    SELECT question_id, count(*) AS n, min(cell) AS cell FROM coded GROUP BY question_id
),
singles AS (
    SELECT cell, count(*) AS n FROM asked WHERE n = 1 GROUP BY cell
),
numbered AS (
    -- By name: the same battles give the same numbers, and a seed the same interval.
    SELECT question_id, row_number() OVER (ORDER BY question_id) - 1 AS code FROM asked WHERE n > 1
),
several AS (
    SELECT numbered.code * 3 * (SELECT models * models FROM size) + coded.cell AS cell, count(*) AS n
    FROM coded
    JOIN numbered ON numbered.question_id = coded.question_id
    GROUP BY 1
),
base AS (
    SELECT max(n) + 1 AS base FROM several
)
SELECT
    (SELECT list(name ORDER BY code) FROM names) AS models,
    (SELECT list(cell ORDER BY cell) FROM singles) AS single,
    (SELECT list(n ORDER BY cell) FROM singles) AS single_n,
    (SELECT list(several.cell * base.base + several.n) FROM several, base) AS several,
    (SELECT base FROM base) AS base,
    (SELECT count(*) FILTER (NOT consistent) FROM chosen) AS inconsistent,
    (SELECT list(DISTINCT mode ORDER BY mode) FILTER (mode IS NOT NULL) FROM chosen) AS modes;
