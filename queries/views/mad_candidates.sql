-- Inputs: similarities, responses_current, questions. Grain: one row per (response_a, response_b, metric, metric_version):
-- pairs of answers in force that a MAD selection can choose from, with what its filters look at.
CREATE OR REPLACE VIEW mad_candidates AS
SELECT
    pair.question_id, questions.position, questions.category, questions.bench,
    one.model_id AS model_a, two.model_id AS model_b, pair.response_a, pair.response_b,
    one.sample AS sample_a, two.sample AS sample_b,
    pair.metric, pair.metric_version, pair.score AS similarity,
    one.n_chars AS n_chars_a, two.n_chars AS n_chars_b,
    one.n_words AS n_words_a, two.n_words AS n_words_b
FROM similarities AS pair
JOIN responses_current AS one ON one.response_id = pair.response_a AND one.state = 'ok'
JOIN responses_current AS two ON two.response_id = pair.response_b AND two.state = 'ok'
LEFT JOIN questions ON questions.question_id = pair.question_id;
