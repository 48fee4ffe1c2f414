-- Comparisons with their votes and texts, for preference pairs. In: $by (names, NULL = everybody): human, author, gold,
-- judge (all judges; juries only if they are named) or the name of an annotator or judge; $bench. Grain: one row per (question_id, turn, model_a,
-- model_b, response_a, response_b) with a vote by one of these, votes that were skipped or could not be read included
-- (`n_none`). `n_tie` counts both_bad too. A judge has one vote per comparison: its first sample that could be read.
-- Votes without answers (imported) are about the answers in force. Texts are NULL where the store has none.
WITH judged AS (
    SELECT
        question_id, turn, model_a, model_b, response_a, response_b, judge, state, verdict,
        CASE WHEN starts_with(judge_version, 'jury:') THEN 'jury' ELSE 'judge' END AS kind
    FROM pairwise_verdicts
    WHERE standing
    QUALIFY row_number() OVER (
        PARTITION BY judge, question_id, turn, model_a, model_b, response_a, response_b
        ORDER BY (state = 'ok') DESC, sample
    ) = 1
),
cast_votes AS (
    SELECT
        question_id, turn, model_a, model_b, response_a, response_b,
        annotator_kind AS kind, annotator AS rater, annotator_kind AS source,
        CASE verdict WHEN 'both_bad' THEN 'tie' WHEN 'skip' THEN 'none' ELSE verdict END AS verdict
    FROM annotations_current
    UNION ALL
    SELECT
        question_id, turn, model_a, model_b, response_a, response_b,
        kind, judge, judge, CASE WHEN state = 'ok' THEN verdict ELSE 'none' END
    FROM judged
),
answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0
),
placed AS (
    SELECT
        vote.* EXCLUDE (response_a, response_b),
        coalesce(vote.response_a, one.response_id) AS response_a,
        coalesce(vote.response_b, two.response_id) AS response_b
    FROM cast_votes AS vote
    LEFT JOIN answers AS one
        ON vote.response_a IS NULL AND one.question_id = vote.question_id AND one.model_id = vote.model_a
    LEFT JOIN answers AS two
        ON vote.response_b IS NULL AND two.question_id = vote.question_id AND two.model_id = vote.model_b
    WHERE CASE
            WHEN $by::VARCHAR[] IS NULL THEN kind <> 'jury'
            ELSE (list_contains($by::VARCHAR[], kind) AND kind <> 'jury') OR list_contains($by::VARCHAR[], rater)
        END
),
tallied AS (
    SELECT
        question_id, turn, model_a, model_b, response_a, response_b,
        count(*) FILTER (verdict = 'a') AS n_a,
        count(*) FILTER (verdict = 'b') AS n_b,
        count(*) FILTER (verdict = 'tie') AS n_tie,
        count(*) FILTER (verdict = 'none') AS n_none,
        list(DISTINCT source ORDER BY source) AS sources
    FROM placed
    GROUP BY ALL
)
SELECT
    tallied.*, questions.bench, questions.category, questions.turns AS asked,
    one.turns AS text_a, one.state AS state_a, two.turns AS text_b, two.state AS state_b
FROM tallied
LEFT JOIN questions USING (question_id)
LEFT JOIN responses AS one ON one.response_id = tallied.response_a
LEFT JOIN responses AS two ON two.response_id = tallied.response_b
WHERE $bench::VARCHAR IS NULL OR questions.bench = $bench
ORDER BY questions.position, question_id, turn, model_a, model_b, response_a, response_b;
