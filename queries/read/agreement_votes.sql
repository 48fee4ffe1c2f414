-- The votes that agreement compares. In: $mode (NULL: the votes that stand, else those read that way), $turn,
-- $category and $bench (NULL = any; category 'none': questions without one). One row of lists (a million votes as
-- rows would take seconds to send): `questions` and their `categories` by code; `raters`, {source, rater} by code; `juries`, those of
-- them that are several judges together;
-- per comparison `item_question` (code) and `item_turn`; `votes`, one number each, ((item · R + rater) · 4 + verdict)
-- · 6 + 2 · mode + latest, where R is the number of raters, verdict is 0 a, 1 b, 2 tie, 3 none, and mode is 0 of
-- people, 1 compat, 2 corrected.
WITH chosen AS MATERIALIZED (
    SELECT ballots.*, questions.category
    FROM ballots
    LEFT JOIN questions USING (question_id)
    WHERE CASE
            WHEN $mode::VARCHAR IS NULL THEN ballots.standing
            ELSE ballots.standing_in_mode AND (ballots.mode IS NULL OR ballots.mode = $mode)
        END
        AND ($turn::INTEGER IS NULL OR ballots.turn = $turn)
        AND ($category::VARCHAR IS NULL OR coalesce(questions.category, 'none') = $category)
        AND ($bench::VARCHAR IS NULL OR questions.bench = $bench)
),
asked AS MATERIALIZED (
    SELECT question_id, any_value(category) AS category, row_number() OVER (ORDER BY question_id) - 1 AS code
    FROM chosen
    GROUP BY question_id
),
items AS MATERIALIZED (
    SELECT
        turn, question_id, model_a, model_b, response_a, response_b,
        row_number() OVER (ORDER BY turn, question_id, model_a, model_b, response_a, response_b) - 1 AS code
    FROM (SELECT DISTINCT turn, question_id, model_a, model_b, response_a, response_b FROM chosen)
),
who AS MATERIALIZED (
    SELECT source, rater, row_number() OVER (ORDER BY source, rater) - 1 AS code
    FROM (SELECT DISTINCT source, rater FROM chosen)
),
coded AS (
    SELECT
        ((items.code * (SELECT count(*) FROM who) + who.code) * 4
            + CASE chosen.verdict WHEN 'a' THEN 0 WHEN 'b' THEN 1 WHEN 'tie' THEN 2 ELSE 3 END) * 6
            + CASE chosen.mode WHEN 'compat' THEN 2 WHEN 'corrected' THEN 4 ELSE 0 END
            + chosen.latest::INTEGER AS packed
    FROM chosen
    JOIN items USING (turn, question_id, model_a, model_b, response_a, response_b)
    JOIN who USING (source, rater)
)
SELECT
    (SELECT list(question_id ORDER BY code) FROM asked) AS questions,
    (SELECT list(category ORDER BY code) FROM asked) AS categories,
    (SELECT list({'source': source, 'rater': rater} ORDER BY code) FROM who) AS raters,
    (SELECT list(rater) FROM who WHERE rater IN (FROM juries)) AS juries,
    (SELECT list(asked.code ORDER BY items.code) FROM items JOIN asked USING (question_id)) AS item_question,
    (SELECT list(items.turn ORDER BY items.code) FROM items) AS item_turn,
    (SELECT list(packed) FROM coded) AS votes;
