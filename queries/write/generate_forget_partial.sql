-- touches: partial_turns
-- Turns whose whole response is stored are not needed any more.
DELETE FROM partial_turns AS p
WHERE EXISTS (
    SELECT 1 FROM responses AS r
    WHERE r.question_id = p.question_id AND r.model_id = p.model_id AND r.sample = p.sample
        AND r.params_hash = p.params_hash AND r.state = 'ok'
);
