-- First turns of these answers, as they are embedded.
SELECT response_id, replace(turns[1], chr(10), ' ') AS text
FROM responses
WHERE response_id IN (SELECT unnest($ids::VARCHAR[]));
