-- Judgments of these questions that are stored already, failures included; `attempt` numbers the next try.
SELECT
    turn, response_a, response_b, presented_order, template_hash,
    bool_or(state = 'ok') AS judged, max(attempt) + 1 AS attempt
FROM judgments
WHERE protocol = $protocol AND judge = $judge AND judge_version = $judge_version AND mode = $mode AND sample = 0
  AND question_id IN (SELECT unnest($ids::VARCHAR[]))
GROUP BY ALL;
