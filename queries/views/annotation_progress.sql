-- Inputs: selections, annotations_current. Grain: one row per (selection_id, annotator) who decided at least one of its
-- items. An item is done when the annotator has a standing vote on these two answers, whichever selection it came from;
-- skipped ones are done too.
CREATE OR REPLACE VIEW annotation_progress AS
WITH items AS (
    SELECT DISTINCT selection_id, name, question_id, response_a, response_b
    FROM selections
),
totals AS (
    SELECT selection_id, any_value(name) AS name, count(*) AS total
    FROM items
    GROUP BY selection_id
),
decided AS (
    SELECT
        annotator, question_id, response_a, response_b,
        bool_and(verdict = 'skip') AS skipped, min(decided_at) AS first_at, max(decided_at) AS last_at
    FROM annotations_current
    WHERE response_a IS NOT NULL
    GROUP BY ALL
)
SELECT
    totals.selection_id, totals.name, decided.annotator,
    count(*) AS done,
    totals.total,
    totals.total - count(*) AS remaining,
    count(*) FILTER (decided.skipped) AS skipped,
    min(decided.first_at) AS first_decided_at,
    max(decided.last_at) AS last_decided_at
FROM items
JOIN decided USING (question_id, response_a, response_b)
JOIN totals ON totals.selection_id = items.selection_id
GROUP BY totals.selection_id, totals.name, decided.annotator, totals.total;
