-- Inputs: votes. Grain: one row per (turn, source_a, source_b, question_id): how often a vote of the one met a vote of the
-- other on the same comparison, by what they said (FastChat's rule). Between two sources every vote meets every vote;
-- within one (source_a = source_b, people only) every unordered pair counts once, half to either side of the diagonal.
-- Judges come before people. `left_out`: comparisons lost because one of the two votes is none.
CREATE OR REPLACE VIEW vote_pairs AS
WITH keyed AS MATERIALIZED (
    SELECT
        turn, question_id, model_a, model_b, response_a, response_b, source,
        CASE source WHEN 'human' THEN '1' WHEN 'author' THEN '2' ELSE '0' || source END AS place,
        count(*) FILTER (verdict = 'a')::DOUBLE AS a,
        count(*) FILTER (verdict = 'b')::DOUBLE AS b,
        count(*) FILTER (verdict = 'tie')::DOUBLE AS t,
        count(*) FILTER (verdict = 'none')::DOUBLE AS none
    FROM votes
    GROUP BY ALL
),
met AS (
    SELECT
        one.turn, one.question_id, one.source AS source_a, two.source AS source_b,
        one.a * two.a AS aa, one.a * two.b AS ab, one.a * two.t AS "at",
        one.b * two.a AS ba, one.b * two.b AS bb, one.b * two.t AS bt,
        one.t * two.a AS ta, one.t * two.b AS tb, one.t * two.t AS tt,
        (one.a + one.b + one.t + one.none) * (two.a + two.b + two.t + two.none)
            - (one.a + one.b + one.t) * (two.a + two.b + two.t) AS left_out
    FROM keyed AS one
    JOIN keyed AS two USING (turn, question_id, model_a, model_b, response_a, response_b)
    WHERE one.place < two.place
    UNION ALL
    SELECT
        turn, question_id, source, source,
        a * (a - 1) / 2, a * b / 2, a * t / 2,
        a * b / 2, b * (b - 1) / 2, b * t / 2,
        a * t / 2, b * t / 2, t * (t - 1) / 2,
        none * (a + b + t) + none * (none - 1) / 2
    FROM keyed
    WHERE source IN ('human', 'author') AND a + b + t + none > 1
)
SELECT
    turn, source_a, source_b, question_id,
    sum(aa) AS n_aa, sum(ab) AS n_ab, sum("at") AS n_at,
    sum(ba) AS n_ba, sum(bb) AS n_bb, sum(bt) AS n_bt,
    sum(ta) AS n_ta, sum(tb) AS n_tb, sum(tt) AS n_tt,
    sum(left_out) AS left_out
FROM met
GROUP BY turn, source_a, source_b, question_id;
