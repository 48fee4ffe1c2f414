-- Latest standing decisions an annotator made here (imported ones have a position), newest first.
-- In: $annotator, $selection_id. At most 100 rows.
SELECT a.annotation_id, a.item, a.presented_order, a.verdict, coalesce(a.flags, []) AS flags
FROM annotations a
WHERE a.annotator = $annotator
  AND a.selection_id = $selection_id
  AND a.cancels IS NULL
  AND a.position IS NULL
  AND NOT EXISTS (FROM annotations c WHERE c.cancels = a.annotation_id)
ORDER BY a.decided_at DESC, a.annotation_id
LIMIT 100;
