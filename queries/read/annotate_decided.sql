-- What one annotator has decided. In: $annotator. One row an annotation that is not a cancelling row;
-- `standing` says that it was not taken back.
SELECT a.annotation_id, a.item, a.verdict, coalesce(a.flags, []) AS flags, a.question_id,
       NOT EXISTS (FROM annotations c WHERE c.cancels = a.annotation_id) AS standing
FROM annotations a
WHERE a.annotator = $annotator AND a.cancels IS NULL
ORDER BY a.decided_at;
