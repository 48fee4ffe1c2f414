-- Decided votes with the answers they are about, as columns. In: $by (all: everybody but a test set's labels and juries; human, author,
-- gold, or the name of a judge or annotator), $turn, $category and $bench (NULL = any; category 'none' = without one), $baseline (NULL,
-- or a model that must be one of the two). One row. `models` in name order; `answers`, `answer_turns`, `chars`: every
-- answer and the turn up to which it was read, with its length. Of the votes, in a fixed order and by place in these lists:
-- `a`, `b`, `answer_a`, `answer_b`, `question` (numbered from 0 without gaps), the share that a won, and the preference (a
-- probability where the judge gave one). `missing`: votes left out because an answer is not stored; `probable`: votes with
-- a probability; `modes`: readings of the verdict rules among judges' votes.
WITH chosen AS MATERIALIZED (
    SELECT
        votes.vote_id, votes.mode, votes.question_id, votes.turn, votes.model_a, votes.model_b,
        votes.response_a, votes.response_b, votes.share_a, votes.preference_a, votes.probable,
        one.chars AS chars_a, two.chars AS chars_b
    FROM bias_votes AS votes
    LEFT JOIN questions ON questions.question_id = votes.question_id
    LEFT JOIN answer_lengths AS one ON one.response_id = votes.response_a AND one.turn = votes.turn
    LEFT JOIN answer_lengths AS two ON two.response_id = votes.response_b AND two.turn = votes.turn
    WHERE CASE
            WHEN $by = 'all' THEN votes.source NOT IN ('gold', 'jury')
            WHEN $by IN ('human', 'author', 'gold') THEN votes.source = $by
            ELSE votes.rater = $by
        END
        -- Items of a control arm are another sample: they are not pooled with the others.
        AND votes.vote_id NOT IN (SELECT battle_id FROM control_votes)
        AND ($turn::INTEGER IS NULL OR votes.turn = $turn)
        AND ($category::VARCHAR IS NULL OR coalesce(questions.category, 'none') = $category)
        AND ($bench::VARCHAR IS NULL OR questions.bench = $bench)
        AND ($baseline::VARCHAR IS NULL OR votes.model_a = $baseline OR votes.model_b = $baseline)
),
known AS MATERIALIZED (
    SELECT * FROM chosen WHERE chars_a IS NOT NULL AND chars_b IS NOT NULL
),
names AS MATERIALIZED (
    SELECT name, row_number() OVER (ORDER BY name) - 1 AS code
    FROM (SELECT model_a AS name FROM known UNION SELECT model_b FROM known)
),
asked AS MATERIALIZED (
    SELECT question_id, row_number() OVER (ORDER BY question_id) - 1 AS code
    FROM (SELECT DISTINCT question_id FROM known)
),
read AS MATERIALIZED (
    SELECT response_id, turn, chars, row_number() OVER (ORDER BY response_id, turn) - 1 AS code
    FROM (
        SELECT response_a AS response_id, turn, chars_a AS chars FROM known
        UNION
        SELECT response_b, turn, chars_b FROM known
    )
),
coded AS MATERIALIZED (
    SELECT
        known.vote_id, one.code AS a, two.code AS b, asked.code AS question, known.share_a, known.preference_a,
        first.code AS answer_a, second.code AS answer_b
    FROM known
    JOIN names AS one ON one.name = known.model_a
    JOIN names AS two ON two.name = known.model_b
    JOIN asked ON asked.question_id = known.question_id
    JOIN read AS first ON first.response_id = known.response_a AND first.turn = known.turn
    JOIN read AS second ON second.response_id = known.response_b AND second.turn = known.turn
)
SELECT
    (SELECT list(name ORDER BY code) FROM names) AS models,
    (SELECT list(response_id ORDER BY code) FROM read) AS answers,
    (SELECT list(turn ORDER BY code) FROM read) AS answer_turns,
    (SELECT list(chars::BIGINT ORDER BY code) FROM read) AS chars,
    (SELECT list(a ORDER BY vote_id) FROM coded) AS a,
    (SELECT list(b ORDER BY vote_id) FROM coded) AS b,
    (SELECT list(answer_a ORDER BY vote_id) FROM coded) AS answer_a,
    (SELECT list(answer_b ORDER BY vote_id) FROM coded) AS answer_b,
    (SELECT list(question ORDER BY vote_id) FROM coded) AS question,
    (SELECT list(share_a ORDER BY vote_id) FROM coded) AS share,
    (SELECT list(preference_a ORDER BY vote_id) FROM coded) AS preference,
    (SELECT count(*) FILTER (chars_a IS NULL OR chars_b IS NULL) FROM chosen) AS missing,
    (SELECT count(*) FILTER (probable) FROM known) AS probable,
    (SELECT list(DISTINCT mode ORDER BY mode) FILTER (mode IS NOT NULL) FROM known) AS modes;
