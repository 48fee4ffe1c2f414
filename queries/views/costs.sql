-- Inputs: responses, judgments. Grain: one row per (role, model, state), every attempt counted, because every attempt is
-- paid for; juries' verdicts are no requests. `role` is answer or judge. Tokens are a sum; `cost` is US dollars of the requests with a known price and
-- `unpriced` is how many had none.
CREATE OR REPLACE VIEW costs AS
WITH requests AS (
    SELECT 'answer' AS role, model_id AS model, state, prompt_tokens, completion_tokens, latency, cost
    FROM responses
    UNION ALL
    SELECT 'judge', judge, state, prompt_tokens, completion_tokens, latency, cost
    FROM judgments
    WHERE NOT starts_with(judge_version, 'jury:')
)
SELECT
    role, model, state,
    count(*) AS requests,
    coalesce(sum(prompt_tokens), 0)::BIGINT AS prompt_tokens,
    coalesce(sum(completion_tokens), 0)::BIGINT AS completion_tokens,
    sum(cost) AS cost,
    count(*) - count(cost) AS unpriced,
    avg(latency) AS mean_latency
FROM requests
GROUP BY role, model, state;
