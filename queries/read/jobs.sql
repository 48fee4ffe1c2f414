-- Newest first.
SELECT * FROM jobs ORDER BY created_at DESC, job_id LIMIT $limit;
