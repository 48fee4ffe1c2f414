-- Jobs of all sessions, those still open first, then the newest. One row a job, at most 500.
SELECT p.job_id, p.kind, p.state, p.done, p.total, p.failed, p.rate, p.eta_s, p.seconds_since_heartbeat, p.elapsed_s,
       p.message, p.cancel_requested, p.created_at, j.spec, j.host
FROM job_progress p
JOIN jobs j USING (job_id)
ORDER BY p.state NOT IN ('queued', 'running'), p.created_at DESC, p.job_id
LIMIT 500;
