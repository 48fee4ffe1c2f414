-- Inputs: responses. Grain: one row per (question_id, model_id): the reference answer a judge is shown, which is
-- a response whose params say kind = reference.
CREATE OR REPLACE VIEW reference_answers AS
SELECT *
FROM responses
WHERE (params->>'kind') = 'reference'
QUALIFY row_number() OVER (
    PARTITION BY question_id, model_id
    ORDER BY (state = 'ok') DESC, created_at DESC, attempt DESC, response_id
) = 1;
