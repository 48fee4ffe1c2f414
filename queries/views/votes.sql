-- Inputs: annotations_current, pairwise_verdicts, responses_current. Grain: one row per vote that agreement compares.
-- `source` is human, author or the judge's name; `verdict` is a, b, tie (both_bad and inconsistent too) or none (skipped,
-- unparsed, failed or unfinished: it takes part in no comparison but is counted). A judge has one vote per comparison:
-- its first sample that could be read. Votes without answers (imported) are taken to be about the answers in force, so
-- that they meet votes on these; a vote on other answers is about something else and never meets them.
CREATE OR REPLACE VIEW votes AS
WITH judged AS (
    SELECT turn, question_id, model_a, model_b, response_a, response_b, judge, state, verdict
    FROM pairwise_verdicts
    WHERE standing
    QUALIFY row_number() OVER (
        PARTITION BY judge, turn, question_id, model_a, model_b, response_a, response_b
        ORDER BY (state = 'ok') DESC, sample
    ) = 1
),
cast_votes AS (
    SELECT
        turn, question_id, model_a, model_b, response_a, response_b, annotator_kind AS source, annotator AS rater,
        CASE verdict WHEN 'both_bad' THEN 'tie' WHEN 'skip' THEN 'none' ELSE verdict END AS verdict
    FROM annotations_current
    UNION ALL
    SELECT
        turn, question_id, model_a, model_b, response_a, response_b, judge, judge,
        CASE WHEN state = 'ok' THEN verdict ELSE 'none' END
    FROM judged
),
answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0
)
SELECT
    cast_votes.turn, cast_votes.question_id, cast_votes.model_a, cast_votes.model_b,
    coalesce(cast_votes.response_a, one.response_id, '') AS response_a,
    coalesce(cast_votes.response_b, two.response_id, '') AS response_b,
    cast_votes.source, cast_votes.rater, cast_votes.verdict
FROM cast_votes
LEFT JOIN answers AS one
    ON cast_votes.response_a IS NULL
    AND one.question_id = cast_votes.question_id AND one.model_id = cast_votes.model_a
LEFT JOIN answers AS two
    ON cast_votes.response_b IS NULL
    AND two.question_id = cast_votes.question_id AND two.model_id = cast_votes.model_b;
