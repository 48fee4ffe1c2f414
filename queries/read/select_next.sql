-- For each pair of models: the items (questions both answered) that people could vote on next, and what is known. In:
-- $models; $bench and $judges (NULL = any); $overlap (true: also items that somebody voted on). One row a pair:
--   places    of the items in file order, counted from 0 as in select_order
--   opinion   per item, the share that model_a wins by the judges' games, on average (tie = ½; NULL: no verdict).
--             A game counts by its probabilities if the judge gave any
--   dissent   per item, the variance of a game's verdict drawn from them at random: 0 to ¼; NULL: no verdict
--   labelled  items left out because somebody voted on them
--   votes, won        comparisons (question and turn) that people voted on, and the sum of shares that model_a won
--   judged, judged_won     the same of judges
--   shared, shared_square  over comparisons of both, sums of (opinion − ½)(vote − ½) and of (opinion − ½)²
WITH chosen AS (
    SELECT question_id, row_number() OVER (ORDER BY bench, position NULLS LAST, question_id) - 1 AS place
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
),
answers AS (
    SELECT r.question_id, r.model_id, r.response_id, chosen.place
    FROM responses_current AS r
    JOIN chosen USING (question_id)
    WHERE r.state = 'ok' AND r.sample = 0 AND r.model_id IN (SELECT unnest($models::VARCHAR[]))
),
items AS (
    SELECT
        a.model_id AS model_a, b.model_id AS model_b, a.question_id, a.place,
        a.response_id AS response_a, b.response_id AS response_b
    FROM answers AS a
    JOIN answers AS b ON a.question_id = b.question_id AND a.model_id < b.model_id
),
games AS (
    SELECT
        question_id, turn, model_a, model_b,
        CASE
            WHEN probabilities IS NULL THEN CASE verdict WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END
            ELSE coalesce((probabilities->>'a')::DOUBLE, 0) + 0.5 * coalesce((probabilities->>'tie')::DOUBLE, 0)
        END AS share,
        -- Within one game: 0 for a bare verdict, ¼ for two games that disagreed (imported as one).
        CASE
            WHEN inconsistent THEN 0.25
            WHEN probabilities IS NULL THEN 0.0
            ELSE greatest(
                coalesce((probabilities->>'a')::DOUBLE, 0) + 0.25 * coalesce((probabilities->>'tie')::DOUBLE, 0)
                    - share * share,
                0.0
            )
        END AS doubt
    FROM judgments_current
    WHERE protocol = 'pairwise' AND state = 'ok'
        -- A jury's verdicts only if it is named: its members' are in.
        AND CASE
            WHEN $judges::VARCHAR[] IS NULL THEN NOT starts_with(judge_version, 'jury:')
            ELSE judge IN (SELECT unnest($judges::VARCHAR[]))
        END
        AND question_id IN (SELECT question_id FROM chosen)
),
judged AS MATERIALIZED (
    SELECT
        question_id, turn, model_a, model_b,
        avg(share) AS opinion,
        avg(doubt) + var_pop(share) AS dissent
    FROM games
    GROUP BY ALL
),
voted AS MATERIALIZED (
    SELECT
        question_id, turn, model_a, model_b,
        avg(CASE verdict WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END) AS share
    FROM annotations_current
    WHERE annotator_kind IN ('human', 'author') AND verdict <> 'skip'
        AND question_id IN (SELECT question_id FROM chosen)
    GROUP BY ALL
),
known AS (
    SELECT
        model_a, model_b,
        count(voted.share) AS votes,
        coalesce(sum(voted.share), 0) AS won,
        count(judged.opinion) AS judged,
        coalesce(sum(judged.opinion), 0) AS judged_won,
        coalesce(sum((judged.opinion - 0.5) * (voted.share - 0.5)), 0) AS shared,
        coalesce(sum((judged.opinion - 0.5) * (judged.opinion - 0.5)) FILTER (voted.share IS NOT NULL), 0) AS shared_square
    FROM judged
    FULL JOIN voted USING (question_id, turn, model_a, model_b)
    GROUP BY model_a, model_b
),
opinions AS (
    -- Turns of one item together: an annotator sees the whole conversation.
    SELECT question_id, model_a, model_b, avg(opinion) AS opinion, avg(dissent) AS dissent
    FROM judged
    GROUP BY ALL
),
decided AS (
    SELECT DISTINCT items.model_a, items.model_b, items.place
    FROM annotations_current AS vote
    JOIN items USING (question_id, model_a, model_b)
    WHERE vote.annotator_kind IN ('human', 'author') AND vote.verdict <> 'skip'
        -- A vote without answers (imported) is about the answers in force.
        AND coalesce(vote.response_a, items.response_a) = items.response_a
        AND coalesce(vote.response_b, items.response_b) = items.response_b
),
marked AS (
    SELECT
        items.model_a, items.model_b, items.place, opinions.opinion, opinions.dissent,
        decided.place IS NOT NULL AS done
    FROM items
    LEFT JOIN opinions USING (question_id, model_a, model_b)
    LEFT JOIN decided ON decided.model_a = items.model_a AND decided.model_b = items.model_b
        AND decided.place = items.place
)
SELECT
    model_a, model_b,
    coalesce(list(place ORDER BY place) FILTER ($overlap OR NOT done), []) AS places,
    coalesce(list(opinion ORDER BY place) FILTER ($overlap OR NOT done), []) AS opinion,
    coalesce(list(dissent ORDER BY place) FILTER ($overlap OR NOT done), []) AS dissent,
    count(*) FILTER (done) AS labelled,
    coalesce(any_value(votes), 0) AS votes,
    coalesce(any_value(won), 0) AS won,
    coalesce(any_value(judged), 0) AS judged,
    coalesce(any_value(judged_won), 0) AS judged_won,
    coalesce(any_value(shared), 0) AS shared,
    coalesce(any_value(shared_square), 0) AS shared_square
FROM marked
LEFT JOIN known USING (model_a, model_b)
GROUP BY model_a, model_b
ORDER BY model_a, model_b;
