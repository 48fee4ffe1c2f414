-- Inputs: judgments. Grain: one row per judgment asked for (everything that could change it, save the attempt): the
-- attempt in force. A parsed attempt goes before a failed one, then the highest attempt, then the latest.
CREATE OR REPLACE VIEW judgments_current AS
SELECT *
FROM judgments
QUALIFY row_number() OVER (
    PARTITION BY
        protocol, judge, judge_version, template, template_hash, mode, question_id, turn,
        model_a, model_b, response_a, response_b, presented_order, sample
    ORDER BY (state = 'ok') DESC, attempt DESC, created_at DESC, judgment_id
) = 1;
