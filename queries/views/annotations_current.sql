-- Inputs: annotations. Grain: one row per vote that stands. A row that another row cancels is out, and so is the
-- cancelling row. Of the votes of one annotator on one item the latest stands; imported votes (position is not NULL)
-- all stand, because a published file that holds a vote twice counts it twice.
CREATE OR REPLACE VIEW annotations_current AS
SELECT *
FROM annotations
WHERE cancels IS NULL
    AND verdict IS NOT NULL
    AND annotation_id NOT IN (SELECT undo.cancels FROM annotations AS undo WHERE undo.cancels IS NOT NULL)
QUALIFY position IS NOT NULL OR row_number() OVER (
    PARTITION BY annotator, item, position IS NULL
    ORDER BY decided_at DESC, annotation_id DESC
) = 1;
