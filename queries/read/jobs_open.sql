SELECT job_id, state, created_at FROM jobs WHERE state IN ('queued', 'running');
