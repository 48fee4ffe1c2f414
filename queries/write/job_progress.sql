-- touches: jobs
-- A running job's counts and sign of life.
UPDATE jobs
SET done = $done, total = $total, failed = $failed, message = $message, heartbeat_at = $now::TIMESTAMP
WHERE job_id = $job_id AND state = 'running';
