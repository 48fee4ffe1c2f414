-- Benches and categories there are.
SELECT bench, category, count(*) AS questions FROM questions GROUP BY ALL ORDER BY ALL;
