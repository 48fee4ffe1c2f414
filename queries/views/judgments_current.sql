-- Inputs: judgments. Grain: one row per judgment asked for (everything that could change it, save the attempt): the
-- attempt in force. A parsed attempt goes before a failed one, then the highest attempt, then the latest.
-- The ids are chosen first and the rows fetched after, so that long raw texts are not sorted.
CREATE OR REPLACE VIEW judgments_current AS
SELECT *
FROM judgments
WHERE judgment_id IN (
    SELECT (max({'ok': state = 'ok', 'attempt': attempt, 'created_at': created_at, 'id': judgment_id})).id
    FROM judgments
    GROUP BY
        protocol, judge, judge_version, template, template_hash, mode, question_id, turn,
        model_a, model_b, response_a, response_b, presented_order, sample
);
