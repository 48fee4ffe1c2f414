-- Everybody a leaderboard can be made by. One row a name: kind is judge, human or author.
SELECT judge AS name, 'judge' AS kind, count(*) AS rows FROM judgments GROUP BY judge
UNION ALL
SELECT annotator, annotator_kind, count(*) FROM annotations GROUP BY annotator, annotator_kind
ORDER BY kind, name;
