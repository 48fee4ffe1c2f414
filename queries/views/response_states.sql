-- Inputs: responses_current. Grain: one row per model: how many of its answers in force are in each state.
CREATE OR REPLACE VIEW response_states AS
SELECT
    model_id AS model,
    count(*) AS total,
    count(*) FILTER (state = 'ok') AS ok,
    count(*) FILTER (state = 'unparsed') AS unparsed,
    count(*) FILTER (state = 'refused') AS refused,
    count(*) FILTER (state = 'truncated') AS truncated,
    count(*) FILTER (state = 'too_long') AS too_long,
    count(*) FILTER (state = 'error') AS error
FROM responses_current
GROUP BY model_id;
