-- Votes to replay, in the order they were decided, each with its two answers (votes imported without any are taken to be
-- about the answers in force). In: as battles_counted, without its mode. `place`: the question's place in file order.
-- model_a sorts before model_b.
WITH chosen AS (
    SELECT battle_id, question_id, turn, model_a, model_b, response_a, response_b, winner, decided_at, position
    FROM decided
    WHERE CASE WHEN $by = 'all' THEN source <> 'jury' WHEN $by IN ('human', 'author') THEN source = $by ELSE annotator = $by END
        AND ($turn::INTEGER IS NULL OR turn = $turn)
        AND CASE
            WHEN $category::VARCHAR IS NULL THEN true
            WHEN $category = 'none' THEN question_id NOT IN (SELECT question_id FROM questions WHERE category <> 'none')
            ELSE question_id IN (SELECT question_id FROM questions WHERE category = $category)
        END
        AND ($bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench))
        AND (
            $models::VARCHAR[] IS NULL
            OR (list_contains($models, model_a) AND list_contains($models, model_b))
        )
),
asked AS (
    SELECT question_id, row_number() OVER (ORDER BY bench, position NULLS LAST, question_id) - 1 AS place
    FROM (SELECT DISTINCT question_id FROM chosen)
    LEFT JOIN questions USING (question_id)
),
answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0 AND state = 'ok'
)
SELECT
    chosen.question_id, asked.place, chosen.turn, chosen.model_a, chosen.model_b,
    coalesce(chosen.response_a, one.response_id) AS response_a,
    coalesce(chosen.response_b, two.response_id) AS response_b,
    CASE chosen.winner WHEN 'model_a' THEN 1.0 WHEN 'tie' THEN 0.5 ELSE 0.0 END AS won
FROM chosen
JOIN asked USING (question_id)
LEFT JOIN answers AS one
    ON chosen.response_a IS NULL AND one.question_id = chosen.question_id AND one.model_id = chosen.model_a
LEFT JOIN answers AS two
    ON chosen.response_b IS NULL AND two.question_id = chosen.question_id AND two.model_id = chosen.model_b
ORDER BY chosen.decided_at, chosen.position, asked.place, chosen.turn, chosen.model_a, chosen.model_b, chosen.battle_id;
