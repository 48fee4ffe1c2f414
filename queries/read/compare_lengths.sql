-- How long some answers are to somebody who judges a turn: characters of the turns up to it. In: $ids (of responses).
-- One row per (response_id, turn).
SELECT response_id, turn, chars::BIGINT AS chars
FROM answer_lengths
WHERE response_id IN (SELECT unnest($ids::VARCHAR[]));
