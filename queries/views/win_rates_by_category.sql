-- Inputs: battles, control_votes (left out: see win_matrix). Grain: one row per (source, category, turn, model): win_rates within a category and turn. `source` is
-- human, author, the name of a judge or jury, or all (without juries: their members are in); questions without a category are under 'none'.
CREATE OR REPLACE VIEW win_rates_by_category AS
WITH tallied AS (
    SELECT
        source, CASE WHEN source IN ('judge', 'jury') THEN annotator ELSE source END AS name, coalesce(category, 'none') AS category, turn,
        model_a, model_b,
        count(*) AS n,
        count(*) FILTER (winner = 'model_a') AS wins_a,
        count(*) FILTER (winner = 'model_b') AS wins_b
    FROM battles
    WHERE battle_id NOT IN (SELECT battle_id FROM control_votes)
    GROUP BY ALL
),
grouped AS (
    SELECT unnest(CASE source WHEN 'jury' THEN [name] ELSE ['all', name] END) AS source, * EXCLUDE (source, name)
    FROM tallied
),
sides AS (
    SELECT source, category, turn, model_a AS model, n, wins_a AS wins, wins_b AS losses
    FROM grouped
    UNION ALL
    SELECT source, category, turn, model_b, n, wins_b, wins_a
    FROM grouped
)
SELECT
    source, category, turn, model,
    sum(n)::BIGINT AS n,
    sum(wins)::BIGINT AS wins,
    sum(losses)::BIGINT AS losses,
    sum(n - wins - losses)::BIGINT AS ties,
    sum(wins) / sum(n) AS win_rate,
    sum(losses) / sum(n) AS loss_rate,
    (sum(wins) + 0.5 * sum(n - wins - losses)) / sum(n) AS win_rate_adjusted
FROM sides
GROUP BY source, category, turn, model;
