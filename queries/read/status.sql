-- Rows of every table people care about.
SELECT name, n FROM (
    SELECT 1 AS i, 'questions' AS name, count(*) AS n FROM questions
    UNION ALL SELECT 2, 'models', count(*) FROM models
    UNION ALL SELECT 3, 'responses', count(*) FROM responses
    UNION ALL SELECT 4, 'similarities', count(*) FROM similarities
    UNION ALL SELECT 5, 'selections', count(*) FROM selections
    UNION ALL SELECT 6, 'judgments', count(*) FROM judgments
    UNION ALL SELECT 7, 'annotations', count(*) FROM annotations
    UNION ALL SELECT 8, 'jobs', count(*) FROM jobs
) ORDER BY i;
