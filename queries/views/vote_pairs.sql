-- Inputs: votes. Grain: one row per (turn, judge_a, judge_b, question_id): how often a vote of the one met a vote of
-- the other on the same comparison, by what they said (FastChat's rule). Between two groups every vote meets every
-- vote; within one (judge_a = judge_b, people only) every unordered pair counts once, half to either side of the
-- diagonal. Judges come before people, and gold labels last; these meet no other gold label. `left_out`: meetings
-- lost because one of the two votes is none. `same_person`: meetings of two votes by one person, which count as any
-- other.
CREATE OR REPLACE VIEW vote_pairs AS
WITH numbered AS (
    -- `item` numbers the comparisons of one question: grouping and joining by four names instead takes twice as long.
    -- That two of one question share a number by chance happens once in 10^13 questions with 1,000 comparisons each.
    SELECT
        turn, question_id, hash(model_a, model_b, response_a, response_b) AS item, source, rater, verdict, mode
    FROM votes
),
keyed AS MATERIALIZED (
    SELECT
        turn, question_id, item, source,
        CASE source WHEN 'human' THEN '1' WHEN 'author' THEN '2' WHEN 'gold' THEN '3' ELSE '0' || source END AS place,
        count(*) FILTER (verdict = 'a')::DOUBLE AS a,
        count(*) FILTER (verdict = 'b')::DOUBLE AS b,
        count(*) FILTER (verdict = 'tie')::DOUBLE AS t,
        count(*) FILTER (verdict = 'none')::DOUBLE AS none,
        bool_or(mode = 'compat') AS compat,
        bool_or(mode = 'corrected') AS corrected
    FROM numbered
    GROUP BY turn, question_id, item, source
),
by_one_person AS (
    SELECT turn, question_id, source, count(*) AS n
    FROM numbered
    WHERE source IN ('human', 'author') AND verdict <> 'none'
    GROUP BY turn, question_id, item, source, rater
    HAVING count(*) > 1
),
met AS (
    SELECT
        one.turn, one.question_id, one.source AS judge_a, two.source AS judge_b,
        one.a * two.a AS aa, one.a * two.b AS ab, one.a * two.t AS "at",
        one.b * two.a AS ba, one.b * two.b AS bb, one.b * two.t AS bt,
        one.t * two.a AS ta, one.t * two.b AS tb, one.t * two.t AS tt,
        (one.a + one.b + one.t + one.none) * (two.a + two.b + two.t + two.none)
            - (one.a + one.b + one.t) * (two.a + two.b + two.t) AS left_out,
        0 AS same_person,
        coalesce(one.compat, false) OR coalesce(two.compat, false) AS compat,
        coalesce(one.corrected, false) OR coalesce(two.corrected, false) AS corrected
    FROM keyed AS one
    JOIN keyed AS two USING (turn, question_id, item)
    WHERE one.place < two.place
    UNION ALL
    SELECT
        turn, question_id, source, source,
        a * (a - 1) / 2, a * b / 2, a * t / 2,
        a * b / 2, b * (b - 1) / 2, b * t / 2,
        a * t / 2, b * t / 2, t * (t - 1) / 2,
        none * (a + b + t) + none * (none - 1) / 2,
        0, false, false
    FROM keyed
    WHERE source IN ('human', 'author') AND a + b + t + none > 1
    UNION ALL
    SELECT turn, question_id, source, source, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, n * (n - 1) / 2, false, false
    FROM by_one_person
)
SELECT
    turn, judge_a, judge_b, question_id,
    sum(aa) AS n_aa, sum(ab) AS n_ab, sum("at") AS n_at,
    sum(ba) AS n_ba, sum(bb) AS n_bb, sum(bt) AS n_bt,
    sum(ta) AS n_ta, sum(tb) AS n_tb, sum(tt) AS n_tt,
    sum(left_out) AS left_out, sum(same_person) AS same_person,
    bool_or(compat) AS compat, bool_or(corrected) AS corrected
FROM met
GROUP BY turn, judge_a, judge_b, question_id;
