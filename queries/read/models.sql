SELECT m.model_id, m.engine, m.endpoint, m.params, m.created_at,
    (SELECT count(*) FROM responses r WHERE r.model_id = m.model_id) AS responses,
    (SELECT count(*) FROM judgments j WHERE j.judge = m.model_id) AS judgments
FROM models m ORDER BY m.model_id;
