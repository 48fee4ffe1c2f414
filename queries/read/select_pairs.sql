-- For each pair of models: its items (questions both answered) in file order with their similarity, after MAD's filters
-- (formats-and-rules §2), and how many each filter dropped. An item counts for the first filter that drops it.
--   empty       an answer is blank
--   ratio       the longer answer has 4 times the characters of the shorter one or more ($spare is 1 in compat
--               mode, where the published code divides by shorter + 1, else 0)
--   few_words   an answer has 20 words or fewer. Words are runs of non-spaces; in corrected mode each letter of a
--               script written without spaces counts as a word too (its punctuation separates)
--   uncompared  there is no similarity by this metric and version
-- `places` are the questions' places in select_instructions, counted from 0; `scores` their similarities.
-- Texts are read only where the stored counts do not tell: of several turns, or of few words.
WITH chosen AS (
    SELECT question_id, len(turns) AS turns, row_number() OVER (ORDER BY bench, position NULLS LAST, question_id) - 1 AS place
    FROM questions
    WHERE $bench::VARCHAR IS NULL OR bench = $bench::VARCHAR
),
counted AS MATERIALIZED (
    SELECT r.model_id, r.response_id, q.place, r.n_chars AS chars, r.n_words AS words, q.turns > 1 OR r.n_words <= 20 AS unsure
    FROM responses_current AS r
    JOIN chosen AS q USING (question_id)
    WHERE r.state = 'ok' AND r.sample = 0 AND r.model_id IN (SELECT unnest($models::VARCHAR[]))
),
first_turns AS (
    SELECT response_id, turns[1] AS text, length(turns[1]) AS chars,
        -- Python's str.split() and Unicode agree on this set of spaces; the count stored is of all turns together.
        CASE
            WHEN len(turns) = 1 THEN n_words
            ELSE len(regexp_extract_all(turns[1], '[^\p{Z}\t-\r\x1c-\x1f\x{85}]+'))
        END AS spaced_words
    FROM responses
    WHERE response_id IN (SELECT response_id FROM counted WHERE unsure)
),
read AS (
    SELECT
        response_id, chars,
        trim(text, chr(32) || chr(9) || chr(10) || chr(13)) = '' AS blank,
        CASE
            WHEN $mode = 'compat' OR spaced_words > 20 OR chars <= 20 THEN spaced_words
            ELSE len(
                regexp_extract_all(
                    text,
                    '[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}]'
                    || '|[^\p{Z}\t-\r\x1c-\x1f\x{85}'
                    || '\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}'
                    || '\x{3001}-\x{303f}\x{30fb}-\x{30fc}\x{ff01}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff3b}-\x{ff40}\x{ff5b}-\x{ff65}]+'
                )
            )
        END AS words
    FROM first_turns
),
answers AS MATERIALIZED (
    SELECT
        counted.model_id, counted.response_id, counted.place,
        coalesce(read.chars, counted.chars) AS chars, coalesce(read.words, counted.words) AS words,
        coalesce(read.blank, false) AS blank
    FROM counted
    LEFT JOIN read USING (response_id)
),
scored AS (
    SELECT response_a, response_b, score
    FROM similarities
    WHERE metric = $metric AND metric_version = $metric_version
),
pairs AS (
    SELECT
        a.model_id AS model_a, b.model_id AS model_b, a.place, s.score,
        CASE
            WHEN a.blank OR b.blank THEN 'empty'
            WHEN greatest(a.chars, b.chars) / (least(a.chars, b.chars) + $spare) >= 4 THEN 'ratio'
            WHEN least(a.words, b.words) <= 20 THEN 'few_words'
            WHEN s.score IS NULL THEN 'uncompared'
            ELSE 'kept'
        END AS fate
    FROM answers AS a
    JOIN answers AS b ON a.place = b.place AND a.model_id < b.model_id
    LEFT JOIN scored AS s ON s.response_a = a.response_id AND s.response_b = b.response_id
)
SELECT
    model_a, model_b,
    count(*) AS items,
    count(*) FILTER (fate = 'empty') AS empty,
    count(*) FILTER (fate = 'ratio') AS ratio,
    count(*) FILTER (fate = 'few_words') AS few_words,
    count(*) FILTER (fate = 'uncompared') AS uncompared,
    coalesce(list(place ORDER BY place) FILTER (fate = 'kept'), []) AS places,
    coalesce(list(score ORDER BY place) FILTER (fate = 'kept'), []) AS scores
FROM pairs
GROUP BY model_a, model_b
ORDER BY model_a, model_b;
