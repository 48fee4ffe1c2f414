-- Inputs: decided, questions, selections. Grain: one row per decided comparison, whoever decided it. `source` is human,
-- author, judge or jury; `winner` is model_a, model_b or tie; `both_bad` marks ties of two bad answers; `consistent` is false
-- where a judge's two games disagreed; `mode` is the reading of the verdict rules; `position` is the place in the
-- imported file.
CREATE OR REPLACE VIEW battles AS
WITH arms AS (
    SELECT selection_id, question_id, response_a, response_b, max(arm) AS arm
    FROM selections
    GROUP BY ALL
)
SELECT decided.*, arms.arm, questions.category
FROM decided
LEFT JOIN arms USING (selection_id, question_id, response_a, response_b)
LEFT JOIN questions USING (question_id);
