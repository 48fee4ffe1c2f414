-- How far judges are apart on pairs of answers that both judged. In: $judges (names, two or more), $models; $bench (NULL =
-- any). One row per two judges (in the order given) and item (question and two answers in name order), in file order.
--   gap     |difference| of the shares that model_a wins by each judge, 0 to 1; the mean over turns. A judge's share is
--           the mean of its games: a = 1, tie = ½, b = 0, or by the probabilities it gave (P(a) + ½ P(tie)); both orders
--           and all samples count the same. Only verdicts that stand and of which both games could be read
--   turns   turns that both judged
--   doubts  judges (0 to 2) whose two games had different winners on some turn
WITH chosen AS (
    SELECT question_id, row_number() OVER (ORDER BY bench, position NULLS LAST, question_id) - 1 AS place
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
),
answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0 AND state = 'ok' AND model_id IN (SELECT unnest($models::VARCHAR[]))
),
stands AS (
    SELECT
        judge, judge_version, template, template_hash, mode, sample, question_id, turn, model_a, model_b,
        response_a, response_b, consistent
    FROM pairwise_verdicts
    WHERE standing AND state = 'ok' AND sample_a = 0 AND sample_b = 0
        AND judge IN (SELECT unnest($judges::VARCHAR[]))
),
games AS (
    SELECT
        s.judge, s.question_id, s.turn, s.model_a, s.model_b, s.response_a, s.response_b, s.consistent,
        j.presented_order,
        CASE
            WHEN json_type(j.probabilities) = 'OBJECT' THEN
                (coalesce(TRY_CAST(j.probabilities->>'a' AS DOUBLE), 0)
                    + 0.5 * coalesce(TRY_CAST(j.probabilities->>'tie' AS DOUBLE), 0))
                / nullif(
                    coalesce(TRY_CAST(j.probabilities->>'a' AS DOUBLE), 0)
                    + coalesce(TRY_CAST(j.probabilities->>'b' AS DOUBLE), 0)
                    + coalesce(TRY_CAST(j.probabilities->>'tie' AS DOUBLE), 0), 0
                )
        END AS likely,
        CASE j.verdict WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END AS said
    FROM stands AS s
    JOIN judgments_current AS j
        ON j.protocol = 'pairwise' AND j.state = 'ok'
        AND j.judge = s.judge AND j.judge_version = s.judge_version AND j.template = s.template
        AND j.template_hash = s.template_hash AND j.mode = s.mode AND j.sample = s.sample
        AND j.question_id = s.question_id AND j.turn = s.turn AND j.model_a = s.model_a AND j.model_b = s.model_b
        AND j.response_a IS NOT DISTINCT FROM s.response_a AND j.response_b IS NOT DISTINCT FROM s.response_b
),
shares AS (
    SELECT
        games.judge, games.question_id, games.turn, games.model_a, games.model_b,
        coalesce(games.response_a, one.response_id) AS response_a,
        coalesce(games.response_b, two.response_id) AS response_b,
        coalesce(
            -- A verdict over two games counts only where the games themselves are not there.
            avg(CASE WHEN likely BETWEEN 0 AND 1 THEN likely ELSE said END) FILTER (presented_order IN ('ab', 'ba')),
            avg(said)
        ) AS share,
        bool_or(consistent IS FALSE) AS doubtful
    FROM games
    LEFT JOIN answers AS one
        ON games.response_a IS NULL AND one.question_id = games.question_id AND one.model_id = games.model_a
    LEFT JOIN answers AS two
        ON games.response_b IS NULL AND two.question_id = games.question_id AND two.model_id = games.model_b
    GROUP BY ALL
),
apart AS (
    SELECT
        one.judge AS judge_a, two.judge AS judge_b, one.question_id, one.model_a, one.model_b, one.response_a, one.response_b,
        avg(abs(one.share - two.share)) AS gap, count(*) AS turns,
        bool_or(one.doubtful)::INTEGER + bool_or(two.doubtful)::INTEGER AS doubts
    FROM shares AS one
    JOIN shares AS two USING (question_id, turn, model_a, model_b, response_a, response_b)
    WHERE list_position($judges::VARCHAR[], one.judge) < list_position($judges::VARCHAR[], two.judge)
    GROUP BY ALL
)
SELECT apart.*, chosen.place
FROM apart
JOIN chosen USING (question_id)
WHERE model_a IN (SELECT unnest($models::VARCHAR[])) AND model_b IN (SELECT unnest($models::VARCHAR[]))
    AND response_a IN (SELECT response_id FROM responses) AND response_b IN (SELECT response_id FROM responses)
ORDER BY
    list_position($judges::VARCHAR[], judge_a), list_position($judges::VARCHAR[], judge_b), place, model_a, model_b,
    response_a, response_b;
