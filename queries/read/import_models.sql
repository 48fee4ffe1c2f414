-- Names of all models.
SELECT model_id FROM models ORDER BY model_id;
