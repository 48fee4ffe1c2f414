-- Inputs: vote_pairs. Grain: one row per (turn, source_a, source_b, setup). Setup 1 counts ties, setup 2 leaves out a
-- comparison when either vote is a tie (Zheng et al. 2023, MT-bench). share = agree / n.
CREATE OR REPLACE VIEW agreement AS
WITH summed AS (
    SELECT
        turn, source_a, source_b,
        sum(n_aa + n_bb) AS decided_agree,
        sum(n_tt) AS tie_agree,
        sum(n_aa + n_ab + n_ba + n_bb) AS decided,
        sum(n_at + n_bt + n_ta + n_tb + n_tt) AS tied,
        sum(left_out) AS left_out,
        count(*) AS questions
    FROM vote_pairs
    GROUP BY turn, source_a, source_b
),
setups AS (
    SELECT
        turn, source_a, source_b, 1 AS setup, decided_agree + tie_agree AS agree, decided + tied AS n, left_out, questions
    FROM summed
    UNION ALL
    SELECT turn, source_a, source_b, 2, decided_agree, decided, left_out, questions
    FROM summed
)
SELECT
    turn, source_a, source_b, setup, agree::BIGINT AS agree, n::BIGINT AS n, agree / nullif(n, 0) AS share,
    questions, left_out::BIGINT AS left_out
FROM setups;
