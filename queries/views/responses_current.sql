-- Inputs: responses. Grain: one row per (question_id, model_id, sample): the answer in force.
-- An answer without a failure goes before a failed one, then the latest. Reference answers are no contestants:
-- they are in reference_answers.
CREATE OR REPLACE VIEW responses_current AS
SELECT *
FROM responses
WHERE (params->>'kind') IS DISTINCT FROM 'reference'
QUALIFY row_number() OVER (
    PARTITION BY question_id, model_id, sample
    ORDER BY (state = 'ok') DESC, created_at DESC, attempt DESC, response_id
) = 1;
