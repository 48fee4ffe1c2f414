-- Votes of people, and gold labels, on pairs of answers to some questions. In: $questions (ids; NULL = any). One row a vote
-- that stands and is no skip: `kind` is human, author or gold, `verdict` a, b or tie (both_bad too). Votes imported
-- without answers are taken to be about the answers in force; '' where there is none.
WITH answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0
)
SELECT
    vote.annotator_kind AS kind, vote.annotator, vote.question_id, vote.turn, vote.model_a, vote.model_b,
    coalesce(vote.response_a, one.response_id, '') AS answer_a,
    coalesce(vote.response_b, two.response_id, '') AS answer_b,
    CASE vote.verdict WHEN 'both_bad' THEN 'tie' ELSE vote.verdict END AS verdict
FROM annotations_current AS vote
LEFT JOIN answers AS one
    ON vote.response_a IS NULL AND one.question_id = vote.question_id AND one.model_id = vote.model_a
LEFT JOIN answers AS two
    ON vote.response_b IS NULL AND two.question_id = vote.question_id AND two.model_id = vote.model_b
WHERE vote.verdict <> 'skip'
    AND ($questions::VARCHAR[] IS NULL OR vote.question_id IN (SELECT unnest($questions::VARCHAR[])))
ORDER BY vote.decided_at, vote.position, vote.annotation_id;
