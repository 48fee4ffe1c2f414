-- Inputs: jobs. Grain: one row per job. `rate` is items a second since it started, `eta_s` seconds to the end at that
-- rate (running jobs only), `seconds_since_heartbeat` tells a worker that died from one that is slow.
CREATE OR REPLACE VIEW job_progress AS
WITH timed AS (
    SELECT
        *,
        -- Times are stored in UTC without a zone, which epoch() takes them for.
        epoch(now()) AS now_s,
        epoch(coalesce(ended_at, heartbeat_at)) - epoch(started_at) AS elapsed_s
    FROM jobs
),
rated AS (
    SELECT *, CASE WHEN elapsed_s > 0 THEN done / elapsed_s END AS rate
    FROM timed
)
SELECT
    job_id, kind, state, done, total, failed, rate,
    CASE WHEN state = 'running' AND rate > 0 THEN (total - done) / rate END AS eta_s,
    CASE WHEN state = 'running' THEN now_s - epoch(heartbeat_at) END AS seconds_since_heartbeat,
    elapsed_s, message, cancel_requested, created_at, started_at, ended_at
FROM rated;
