-- First turns of these answers, as they are encoded: without $raw, with line breaks as spaces.
SELECT response_id, CASE WHEN $raw THEN turns[1] ELSE replace(turns[1], chr(10), ' ') END AS text
FROM responses
WHERE response_id IN (SELECT unnest($ids::VARCHAR[]));
