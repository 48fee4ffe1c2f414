-- Inputs: annotations_current, pairwise_verdicts, judgments, responses_current. Grain: one row per decided vote on a pair
-- of answers: a person's (source human or author), a label that came with a test set (gold), or a judge's verdict over
-- its two games (judge), or a jury's (jury); skipped items and pairs without a verdict are none. `who` is human, author, gold or the judge.
-- `share_a`: 1 model_a won, 0 model_b, 0.5 a tie (both_bad too). `preference_a`: the same, or where the judge gave
-- probabilities for all its games, their mean of P(a) + P(tie) / 2. Votes imported without answers are taken to be about
-- the answers in force; where none is stored, response_a (response_b) is NULL.
CREATE OR REPLACE VIEW bias_votes AS
WITH chances AS (
    SELECT
        judge, judge_version, template, template_hash, mode, sample, question_id, turn, model_a, model_b,
        response_a, response_b, presented_order, attempt, created_at,
        try_cast(probabilities->>'a' AS DOUBLE) AS a,
        try_cast(probabilities->>'b' AS DOUBLE) AS b,
        coalesce(try_cast(probabilities->>'tie' AS DOUBLE), 0) AS t
    FROM judgments
    WHERE protocol = 'pairwise' AND state = 'ok' AND probabilities IS NOT NULL
),
preferences AS (
    SELECT
        judge, judge_version, template, template_hash, mode, sample, question_id, turn, model_a, model_b,
        response_a, response_b,
        arg_max((a + t / 2) / (a + b + t), (attempt, created_at)) FILTER (presented_order = 'ab') AS p_ab,
        arg_max((a + t / 2) / (a + b + t), (attempt, created_at)) FILTER (presented_order = 'ba') AS p_ba,
        arg_max((a + t / 2) / (a + b + t), (attempt, created_at)) FILTER (presented_order = 'both') AS p_both
    FROM chances
    WHERE a >= 0 AND b >= 0 AND t >= 0 AND isfinite(a + b + t) AND a + b + t > 0
    GROUP BY ALL
),
judged AS (
    SELECT
        said.*,
        CASE
            WHEN said.verdict_ab IS NOT NULL AND said.verdict_ba IS NOT NULL THEN (p.p_ab + p.p_ba) / 2
            WHEN said.verdict_ab IS NULL AND said.verdict_ba IS NULL THEN p.p_both
        END AS preference
    FROM pairwise_verdicts AS said
    LEFT JOIN preferences AS p
        ON p.question_id = said.question_id AND p.judge = said.judge AND p.judge_version = said.judge_version
        AND p.template = said.template AND p.template_hash = said.template_hash AND p.mode = said.mode
        AND p.sample = said.sample AND p.turn = said.turn AND p.model_a = said.model_a AND p.model_b = said.model_b
        AND p.response_a IS NOT DISTINCT FROM said.response_a AND p.response_b IS NOT DISTINCT FROM said.response_b
    WHERE said.standing AND said.state = 'ok'
),
decided AS (
    SELECT
        annotation_id AS vote_id, annotator_kind AS source, annotator AS rater, annotator_kind AS who,
        NULL::VARCHAR AS mode, question_id, turn, model_a, model_b, response_a, response_b, verdict, NULL::DOUBLE AS preference
    FROM annotations_current
    WHERE verdict <> 'skip'
    UNION ALL
    SELECT
        verdict_id, CASE WHEN starts_with(judge_version, 'jury:') THEN 'jury' ELSE 'judge' END, judge, judge, mode, question_id, turn, model_a, model_b, response_a, response_b,
        verdict, preference
    FROM judged
),
answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0 AND state = 'ok'
)
SELECT
    decided.vote_id, decided.source, decided.rater, decided.who, decided.mode,
    decided.question_id, decided.turn, decided.model_a, decided.model_b,
    coalesce(decided.response_a, one.response_id) AS response_a,
    coalesce(decided.response_b, two.response_id) AS response_b,
    CASE decided.verdict WHEN 'a' THEN 1.0::DOUBLE WHEN 'b' THEN 0.0::DOUBLE ELSE 0.5::DOUBLE END AS share_a,
    coalesce(decided.preference, share_a) AS preference_a,
    decided.preference IS NOT NULL AS probable
FROM decided
LEFT JOIN answers AS one
    ON decided.response_a IS NULL
    AND one.question_id = decided.question_id AND one.model_id = decided.model_a
LEFT JOIN answers AS two
    ON decided.response_b IS NULL
    AND two.question_id = decided.question_id AND two.model_id = decided.model_b;
