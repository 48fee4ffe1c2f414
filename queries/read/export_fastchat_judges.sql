-- The judgment files there will be: judges with single grades, and judges with pairwise verdicts.
SELECT DISTINCT judge, protocol
FROM judgments
WHERE protocol IN ('single', 'pairwise')
  AND ($bench::VARCHAR IS NULL OR question_id IN (SELECT question_id FROM questions WHERE bench = $bench))
ORDER BY protocol, judge;
