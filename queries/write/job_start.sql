-- touches: jobs
UPDATE jobs
SET state = 'running', pid = $pid, host = $host, started_at = $now::TIMESTAMP, heartbeat_at = $now::TIMESTAMP
WHERE job_id = $job_id AND state = 'queued';
