-- FastChat's JUDGE_single.jsonl: one grade per question, turn and model, of first samples, corrected before compat.
SELECT
    graded.question_id, graded.turn, graded.model, graded.template, graded.score, full_row.raw_text,
    full_row.created_at
FROM single_scores AS graded
JOIN judgments AS full_row USING (judgment_id)
LEFT JOIN responses ON responses.response_id = graded.response_id
WHERE graded.judge = $judge
  AND graded.sample = 0
  AND coalesce(responses.sample, 0) = 0
  AND ($bench::VARCHAR IS NULL OR graded.bench = $bench)
QUALIFY row_number() OVER (
    PARTITION BY graded.question_id, graded.turn, graded.model
    ORDER BY (graded.mode = 'corrected') DESC, full_row.created_at DESC, graded.judgment_id
) = 1
ORDER BY graded.question_id, graded.turn, graded.model;
