-- The pairs that a cascade of judges left undecided, by its verdicts in force; turns together. `confidence`: of the last
-- judge that was asked, the least over the turns.
SELECT
    judgment.question_id, judgment.model_a, judgment.model_b, judgment.response_a, judgment.response_b,
    min((judgment.meta->>'$.jury.confidence')::DOUBLE) AS confidence
FROM judgments_current AS judgment
LEFT JOIN questions ON questions.question_id = judgment.question_id
WHERE judgment.protocol = 'pairwise' AND judgment.judge = $judge AND judgment.judge_version = $judge_version
  AND judgment.mode = $mode
  AND json_array_length(judgment.meta->'$.jury.undecided') > 0
  AND judgment.response_a IS NOT NULL AND judgment.response_b IS NOT NULL
GROUP BY
    judgment.question_id, judgment.model_a, judgment.model_b, judgment.response_a, judgment.response_b,
    questions.bench, questions.position
ORDER BY
    questions.bench, questions.position NULLS LAST, judgment.question_id, judgment.model_a, judgment.model_b,
    judgment.response_a, judgment.response_b;
