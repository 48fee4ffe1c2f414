-- Votes in force: imported ones in their file's order, then ours in the order they were made.
-- FastChat has no word for a skipped item.
SELECT
    annotation_id, annotator, question_id, turn, model_a, model_b, presented_order, verdict, flags, note,
    decided_at, meta
FROM annotations_current
WHERE verdict <> 'skip'
  AND ($bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench))
ORDER BY position NULLS LAST, decided_at, annotation_id;
