SELECT created_at, level, message FROM job_events WHERE job_id = $job_id ORDER BY created_at, event_id;
