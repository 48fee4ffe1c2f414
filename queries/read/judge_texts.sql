-- Texts of these answers.
SELECT response_id, turns FROM responses WHERE response_id IN (SELECT unnest($ids::VARCHAR[]));
