-- Answered turns of a model's unfinished conversations under these settings, in order.
SELECT question_id, sample, turn, text, reasoning, finish_reason, prompt_tokens, completion_tokens, latency, cost
FROM partial_turns
WHERE model_id = $model AND params_hash = $params_hash
ORDER BY question_id, sample, turn;
