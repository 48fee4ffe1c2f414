-- Inputs: battles, responses. Grain: one row per source (human, author, the name of a judge). Of the battles that have a
-- winner and two answers of different length (characters, all turns), the share won by the longer answer. This is no
-- proof of bias: better answers may be longer.
CREATE OR REPLACE VIEW length_bias AS
WITH measured AS (
    SELECT
        CASE battles.source WHEN 'judge' THEN battles.annotator ELSE battles.source END AS source,
        battles.winner,
        one.n_chars AS chars_a, two.n_chars AS chars_b
    FROM battles
    LEFT JOIN responses AS one ON one.response_id = battles.response_a
    LEFT JOIN responses AS two ON two.response_id = battles.response_b
)
SELECT
    source,
    count(*) FILTER (winner <> 'tie' AND chars_a <> chars_b) AS n,
    count(*) FILTER ((winner = 'model_a' AND chars_a > chars_b) OR (winner = 'model_b' AND chars_b > chars_a))
        AS longer_won,
    longer_won / nullif(n, 0) AS longer_share,
    avg(CASE winner WHEN 'model_a' THEN chars_a - chars_b WHEN 'model_b' THEN chars_b - chars_a END)
        AS mean_extra_chars,
    count(*) FILTER (winner = 'tie') AS ties,
    count(*) FILTER (chars_a IS NULL OR chars_b IS NULL) AS unknown_length
FROM measured
GROUP BY source;
