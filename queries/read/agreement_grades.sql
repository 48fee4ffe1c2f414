-- Grades of answers by judges. In: $mode (NULL: the grades that stand, else those read that way), $turn, $category
-- and $bench (NULL = any; category 'none': questions without one). One row of lists: `questions` by code; `judges` by
-- code; `juries`, those of them that are several judges together; per answer `item_question` (code) and `item_turn`; and one entry a judge's grade of an answer (its first
-- sample that could be read) in `item`, `judge`, `score` (NULL where there is none) and `mode`.
WITH chosen AS MATERIALIZED (
    SELECT judge, mode, question_id, turn, model, answer_sample, score
    FROM single_scores
    WHERE CASE WHEN $mode::VARCHAR IS NULL THEN standing ELSE mode = $mode END
        AND ($turn::INTEGER IS NULL OR turn = $turn)
        AND ($category::VARCHAR IS NULL OR coalesce(category, 'none') = $category)
        AND ($bench::VARCHAR IS NULL OR bench = $bench)
    QUALIFY row_number() OVER (
        PARTITION BY judge, question_id, turn, model, answer_sample
        ORDER BY (score IS NULL), sample
    ) = 1
),
asked AS MATERIALIZED (
    SELECT question_id, row_number() OVER (ORDER BY question_id) - 1 AS code
    FROM (SELECT DISTINCT question_id FROM chosen)
),
items AS MATERIALIZED (
    SELECT
        question_id, turn, model, answer_sample,
        row_number() OVER (ORDER BY question_id, turn, model, answer_sample) - 1 AS code
    FROM (SELECT DISTINCT question_id, turn, model, answer_sample FROM chosen)
),
who AS MATERIALIZED (
    SELECT judge, row_number() OVER (ORDER BY judge) - 1 AS code
    FROM (SELECT DISTINCT judge FROM chosen)
),
coded AS MATERIALIZED (
    SELECT items.code AS item, who.code AS judge, chosen.score, chosen.mode
    FROM chosen
    JOIN items USING (question_id, turn, model, answer_sample)
    JOIN who ON who.judge = chosen.judge
)
SELECT
    (SELECT list(question_id ORDER BY code) FROM asked) AS questions,
    (SELECT list(judge ORDER BY code) FROM who) AS judges,
    (SELECT list(judge) FROM who WHERE judge IN (FROM juries)) AS juries,
    (SELECT list(asked.code ORDER BY items.code) FROM items JOIN asked USING (question_id)) AS item_question,
    (SELECT list(turn ORDER BY code) FROM items) AS item_turn,
    (SELECT list(item ORDER BY item, judge) FROM coded) AS item,
    (SELECT list(judge ORDER BY item, judge) FROM coded) AS judge,
    (SELECT list(score ORDER BY item, judge) FROM coded) AS score,
    (SELECT list(mode ORDER BY item, judge) FROM coded) AS mode;
