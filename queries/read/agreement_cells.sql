-- What two groups of votes said about the same comparisons, question by question. One row per (turn, source_a, source_b,
-- question_id); `cells` counts (a, b, tie of the one) × (a, b, tie of the other), row by row.
SELECT
    turn, source_a, source_b, question_id,
    [n_aa, n_ab, n_at, n_ba, n_bb, n_bt, n_ta, n_tb, n_tt] AS cells,
    left_out
FROM vote_pairs
ORDER BY turn, source_a, source_b, question_id;
