-- touches: jobs
UPDATE jobs SET cancel_requested = true WHERE job_id = $job_id AND state IN ('queued', 'running');
