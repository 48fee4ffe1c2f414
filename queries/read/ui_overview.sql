-- Everything the first screen counts. In: $annotator. One row a (what, state).
WITH newest AS (
    SELECT selection_id FROM selections ORDER BY created_at DESC, selection_id LIMIT 1
), items AS (
    SELECT DISTINCT question_id, response_a, response_b FROM selections SEMI JOIN newest USING (selection_id)
)
SELECT 'questions' AS what, NULL::VARCHAR AS state, count(*) AS n FROM questions
UNION ALL SELECT 'benches', NULL, count(DISTINCT bench) FROM questions
UNION ALL SELECT 'models', NULL, count(*) FROM models
UNION ALL SELECT 'answering', NULL, count(DISTINCT model_id) FROM responses WHERE state = 'ok'
UNION ALL SELECT 'responses', state, count(*) FROM responses GROUP BY state
UNION ALL SELECT 'similarities', NULL, count(*) FROM similarities
UNION ALL SELECT 'selections', NULL, count(DISTINCT selection_id) FROM selections
UNION ALL SELECT 'selected', NULL, count(*) FROM items
UNION ALL SELECT 'votes', NULL, count(*) FROM annotations_current
UNION ALL SELECT 'annotators', NULL, count(DISTINCT annotator) FROM annotations_current
UNION ALL SELECT 'judgments', state, count(*) FROM judgments GROUP BY state
UNION ALL SELECT 'judges', NULL, count(DISTINCT judge) FROM judgments
UNION ALL SELECT 'running', NULL, count(*) FROM jobs WHERE state IN ('queued', 'running')
UNION ALL
SELECT 'open_items', NULL, count(*)
FROM items
ANTI JOIN (SELECT question_id, response_a, response_b FROM annotations_current WHERE annotator = $annotator) mine
    USING (question_id, response_a, response_b);
