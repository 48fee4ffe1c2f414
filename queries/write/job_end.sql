-- touches: jobs
-- Ends a job that has not ended; the first end stands.
UPDATE jobs
SET state = $state, message = $message, ended_at = $now::TIMESTAMP
WHERE job_id = $job_id AND state IN ('queued', 'running');
