-- Lines of one similarity file from similarities of $metric other than those of imported similarity files, in the
-- questions' order. Of several versions (encoders, settings) only the one that was made last: they are never mixed; the verdict is that of most votes on the two answers, tie when even, NULL without
-- votes. Where $metric is a judge that rated likeness, `explanation` is its own, and what could not be read has the
-- score 2.0, as these files have it.
WITH judged AS (
    SELECT question_id, response_a, response_b, state, meta->>'$.explanation' AS explanation
    FROM judgments_current
    WHERE protocol = 'similarity' AND judge = $metric AND position IS NULL AND sample = 0
    QUALIFY row_number() OVER (
        PARTITION BY response_a, response_b ORDER BY (state = 'ok') DESC, created_at DESC, judgment_id
    ) = 1
),
candidates AS (
    SELECT question_id, response_a, response_b, score, metric_version, created_at
    FROM similarities
    WHERE metric = $metric AND NOT EXISTS (
      FROM judgments AS line
      WHERE line.protocol = 'similarity' AND line.position IS NOT NULL AND line.judge = similarities.metric
        AND line.response_a = similarities.response_a AND line.response_b = similarities.response_b
  )
),
made AS (
    SELECT question_id, response_a, response_b, score
    FROM candidates
    WHERE metric_version = (
        SELECT arg_max(metric_version, (created_at, metric_version)) FROM candidates
    )
),
scored AS (
    FROM made
    UNION ALL
    SELECT question_id, response_a, response_b, 2.0
    FROM judged
    WHERE state = 'unparsed' AND NOT EXISTS (
        FROM made WHERE made.response_a = judged.response_a AND made.response_b = judged.response_b
    )
),
voted AS (
    SELECT
        response_a, response_b,
        CASE sign(count(*) FILTER (verdict = 'a') - count(*) FILTER (verdict = 'b'))
            WHEN 1 THEN 'a' WHEN -1 THEN 'b' ELSE 'tie'
        END AS verdict
    FROM annotations_current
    WHERE verdict <> 'skip' AND annotator_kind = 'human' AND response_a IS NOT NULL
    GROUP BY response_a, response_b
)
SELECT
    one.model_id AS model_a, two.model_id AS model_b, voted.verdict, scored.score, judged.explanation,
    questions.turns AS question, one.turns AS answer_a, two.turns AS answer_b
FROM scored
JOIN responses AS one ON one.response_id = scored.response_a
JOIN responses AS two ON two.response_id = scored.response_b
LEFT JOIN questions ON questions.question_id = scored.question_id
LEFT JOIN voted USING (response_a, response_b)
LEFT JOIN judged ON judged.response_a = scored.response_a AND judged.response_b = scored.response_b
WHERE one.model_id = $model_a AND two.model_id = $model_b
  AND ($bench::VARCHAR IS NULL OR questions.bench = $bench)
ORDER BY questions.bench, questions.position, scored.question_id, one.response_id, two.response_id;
