-- One judge's judgments in force of these questions, without their texts: what a jury's votes are made of. A parsed attempt
-- goes before a failed one, then the highest, then the latest, as in judgments_current. Tokens, cost and `unpriced`
-- (answers without a known cost; of a group's rows the first stands for the request) are over all attempts.
SELECT
    question_id, turn, model_a, model_b, response_a, response_b, presented_order, template_hash, sample, variant,
    standing.judgment_id AS judgment_id, standing.state AS state, standing.verdict AS verdict,
    standing.score_a AS score_a, standing.score_b AS score_b, standing.probabilities AS probabilities,
    prompt_tokens, completion_tokens, cost, unpriced
FROM (
    SELECT
        question_id, turn, model_a, model_b, response_a, response_b, presented_order, template_hash, sample,
        coalesce((meta->>'$.variant_key'), '') AS variant,
        arg_max(
            {
                'judgment_id': judgment_id, 'state': state, 'verdict': verdict, 'score_a': score_a, 'score_b': score_b,
                'probabilities': probabilities::VARCHAR
            },
            {'ok': state = 'ok', 'attempt': attempt, 'created_at': created_at, 'id': judgment_id}
        ) AS standing,
        sum(prompt_tokens)::BIGINT AS prompt_tokens,
        sum(completion_tokens)::BIGINT AS completion_tokens,
        sum(cost) AS cost,
        count(*) FILTER (
            cost IS NULL AND state NOT IN ('too_long', 'error') AND coalesce((meta->>'$.index')::INTEGER, 0) = 0
        ) AS unpriced
    FROM judgments
    WHERE protocol = $protocol AND judge = $judge AND judge_version = $judge_version AND mode = $mode
      AND sample < $samples
      AND question_id IN (SELECT unnest($ids::VARCHAR[]))
    GROUP BY ALL
);
