-- Inputs: decided, control_votes. Votes on items of a control arm are left out: never pooled with the others. Grain: one row per (source, model, opponent), so every pair is there twice, once from each side.
-- `source` is human, author, the name of a judge or jury, or all: everybody
-- together, a jury's verdicts left out because its members' are in. `mode`: by which rules judges' verdicts were
-- read (corrected, compat, or mixed where both are among them); NULL when only people voted.
CREATE OR REPLACE VIEW win_matrix AS
WITH tallied AS (
    SELECT
        source, annotator, model_a, model_b,
        count(*) AS n,
        count(*) FILTER (winner = 'model_a') AS wins_a,
        count(*) FILTER (winner = 'model_b') AS wins_b,
        count(*) FILTER (both_bad) AS both_bad,
        count(*) FILTER (NOT consistent) AS inconsistent,
        bool_or(mode = 'compat') AS compat,
        bool_or(mode = 'corrected') AS corrected
    FROM (
        -- People are one group; each judge is one of its own.
        SELECT source, CASE WHEN source IN ('judge', 'jury') THEN annotator END AS annotator, model_a, model_b, winner,
            both_bad, consistent, mode
        FROM decided
        WHERE battle_id NOT IN (SELECT battle_id FROM control_votes)
    )
    GROUP BY ALL
),
grouped AS (
    SELECT
        unnest(CASE source WHEN 'jury' THEN [annotator] ELSE ['all', coalesce(annotator, source)] END) AS source,
        * EXCLUDE (source, annotator)
    FROM tallied
),
sides AS (
    SELECT
        source, model_a AS model, model_b AS opponent, n, wins_a AS wins, wins_b AS losses, both_bad, inconsistent,
        compat, corrected
    FROM grouped
    UNION ALL
    SELECT source, model_b, model_a, n, wins_b, wins_a, both_bad, inconsistent, compat, corrected
    FROM grouped
)
SELECT
    source, model, opponent,
    sum(n)::BIGINT AS n,
    sum(wins)::BIGINT AS wins,
    sum(losses)::BIGINT AS losses,
    sum(n - wins - losses)::BIGINT AS ties,
    sum(both_bad)::BIGINT AS both_bad,
    sum(inconsistent)::BIGINT AS inconsistent,
    (sum(wins) + 0.5 * sum(n - wins - losses)) / sum(n) AS win_rate_adjusted,
    CASE
        WHEN bool_or(compat) AND bool_or(corrected) THEN 'mixed'
        WHEN bool_or(compat) THEN 'compat'
        WHEN bool_or(corrected) THEN 'corrected'
    END AS mode
FROM sides
GROUP BY source, model, opponent;
