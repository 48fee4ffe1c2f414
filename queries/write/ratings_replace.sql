-- touches: ratings
-- Keeps one leaderboard in place of the last of its method and source. In: $method, $source, $rows (a JSON array).
DELETE FROM ratings WHERE method = $method AND source = $source;
INSERT OR REPLACE INTO ratings BY NAME
SELECT unnest(from_json($rows, '[{
    "method": "VARCHAR", "source": "VARCHAR", "model": "VARCHAR", "rating": "DOUBLE", "lower": "DOUBLE", "upper": "DOUBLE",
    "interval": "VARCHAR", "n": "BIGINT", "wins": "BIGINT", "losses": "BIGINT", "ties": "BIGINT", "battles": "BIGINT",
    "component": "INTEGER", "computed_at": "TIMESTAMP"
}]'), max_depth := 2);
