-- Whose votes a leaderboard can be made of: human, author, then every judge by name. One row a name that has battles.
SELECT name FROM (
    SELECT CASE WHEN source IN ('judge', 'jury') THEN annotator ELSE source END AS name,
        min(source IN ('judge', 'jury')) AS judge
    FROM decided
    GROUP BY ALL
)
ORDER BY judge, name = 'author', name;
