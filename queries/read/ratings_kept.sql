-- Ratings kept by an earlier leaderboard. In: $method, $source (NULL = any). Best first.
SELECT * FROM ratings
WHERE ($method::VARCHAR IS NULL OR method = $method) AND ($source::VARCHAR IS NULL OR source = $source)
ORDER BY method, source, component, rating DESC, model;
