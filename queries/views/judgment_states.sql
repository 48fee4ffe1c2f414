-- Inputs: judgments_current. Grain: one row per (protocol, judge, mode): how many judgments are in each state.
CREATE OR REPLACE VIEW judgment_states AS
SELECT
    protocol, judge, mode,
    count(*) AS total,
    count(*) FILTER (state = 'ok') AS ok,
    count(*) FILTER (state = 'unparsed') AS unparsed,
    count(*) FILTER (state = 'refused') AS refused,
    count(*) FILTER (state = 'truncated') AS truncated,
    count(*) FILTER (state = 'too_long') AS too_long,
    count(*) FILTER (state = 'error') AS error
FROM judgments_current
GROUP BY protocol, judge, mode;
