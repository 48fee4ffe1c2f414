-- Inputs: selections, annotations_current. Grain: one row per standing vote of a person on an item that its selection only
-- drew at random, as control arm (an item of both arms is a selected one). Such votes are a sample of other items than the
-- selected ones: ratings never pool the two (battles_counted and others; --arm control rates these alone).
CREATE OR REPLACE VIEW control_votes AS
WITH drawn AS (
    SELECT selection_id, question_id, response_a, response_b
    FROM selections
    GROUP BY ALL
    HAVING max(arm) = 'control'
)
SELECT vote.annotation_id AS battle_id
FROM annotations_current AS vote
SEMI JOIN drawn USING (selection_id, question_id, response_a, response_b);
