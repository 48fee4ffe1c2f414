-- What one judge said by one protocol, one row a judgment asked for (save the attempt): the attempt in force. In: $judge,
-- $protocol; $version (of the judge), $mode, $templates (name@hash), $questions
-- (ids) and $turns, each NULL = any; $answers: judgments are about answers, so that those imported without are taken to be
-- about the answers in force. `position`: place of the question in file order. `answer_a` and `answer_b`: the answers' ids,
-- '' for none. `about`: whose critiques are compared, '' for none. `variant`: as in judge_stored. Tokens and cost are over
-- all attempts, `latency` is of the one in force. A jury's verdict takes what its members' judgments took.
WITH answers AS (
    SELECT question_id, model_id, response_id
    FROM responses_current
    WHERE sample = 0
),
asked AS (
    SELECT question_id, row_number() OVER (ORDER BY bench, position NULLS LAST, question_id) - 1 AS position
    FROM questions
),
chosen AS (
    SELECT
        judge_version, template, template_hash, mode, question_id, turn, model_a, model_b, response_a, response_b,
        coalesce(sample_a, 0) AS sample_a, coalesce(sample_b, 0) AS sample_b,
        presented_order, sample, attempt, state, verdict, inconsistent, score_a, prompt_tokens, completion_tokens,
        latency, cost, created_at, judgment_id,
        coalesce((meta->>'$.variant_key'), '') AS variant,
        coalesce((meta->>'$.variant.critiques'), '') AS about
    FROM judgments
    WHERE protocol = $protocol AND judge = $judge
        AND ($version::VARCHAR IS NULL OR judge_version = $version)
        AND ($mode::VARCHAR IS NULL OR mode = $mode)
        AND (
            $templates::VARCHAR[] IS NULL
            OR template || '@' || template_hash IN (SELECT unnest($templates::VARCHAR[]))
        )
        AND ($questions::VARCHAR[] IS NULL OR question_id IN (SELECT unnest($questions::VARCHAR[])))
        AND ($turns::INTEGER[] IS NULL OR turn IN (SELECT unnest($turns::INTEGER[])))
),
standing AS (
    SELECT
        * EXCLUDE (prompt_tokens, completion_tokens, cost),
        sum(prompt_tokens) OVER attempts AS prompt_tokens,
        sum(completion_tokens) OVER attempts AS completion_tokens,
        sum(cost) OVER attempts AS cost
    FROM chosen
    WINDOW attempts AS (
        PARTITION BY
            judge_version, template, template_hash, mode, question_id, turn, model_a, model_b, response_a, response_b,
            sample_a, sample_b, presented_order, sample, variant
    )
    QUALIFY row_number() OVER (
        PARTITION BY
            judge_version, template, template_hash, mode, question_id, turn, model_a, model_b, response_a, response_b,
            sample_a, sample_b, presented_order, sample, variant
        ORDER BY (state = 'ok') DESC, attempt DESC, created_at DESC, judgment_id
    ) = 1
),
-- The members' judgments that a jury's verdicts in force were made of.
made_of AS (
    SELECT standing.judgment_id, unnest(flatten(from_json(said.meta->'$.jury.votes[*].judgments', '[["VARCHAR"]]'))) AS part
    FROM standing
    JOIN judgments AS said USING (judgment_id)
    WHERE starts_with(standing.judge_version, 'jury:')
),
members AS (
    SELECT
        made_of.judgment_id, sum(part.prompt_tokens) AS prompt_tokens, sum(part.completion_tokens) AS completion_tokens,
        sum(part.cost) AS cost, sum(part.latency) AS latency
    FROM made_of
    JOIN judgments AS part ON part.judgment_id = made_of.part
    GROUP BY made_of.judgment_id
)
SELECT
    said.judge_version, said.template, said.template_hash, said.mode, said.question_id, asked.position, said.turn,
    said.model_a, coalesce(said.model_b, '') AS model_b,
    coalesce(said.response_a, one.response_id, '') AS answer_a,
    coalesce(said.response_b, two.response_id, '') AS answer_b,
    said.sample_a, said.sample_b, said.about, said.variant, said.presented_order, said.sample, said.state,
    said.verdict, said.inconsistent, said.score_a,
    coalesce(members.prompt_tokens, said.prompt_tokens)::BIGINT AS prompt_tokens,
    coalesce(members.completion_tokens, said.completion_tokens)::BIGINT AS completion_tokens,
    coalesce(members.latency, said.latency) AS latency, coalesce(members.cost, said.cost) AS cost,
    epoch_ms(said.created_at) AS made
FROM standing AS said
LEFT JOIN asked USING (question_id)
LEFT JOIN members ON members.judgment_id = said.judgment_id
LEFT JOIN answers AS one
    ON $answers::BOOLEAN AND said.response_a IS NULL AND said.sample_a = 0
    AND one.question_id = said.question_id AND one.model_id = said.model_a
LEFT JOIN answers AS two
    ON $answers::BOOLEAN AND said.response_b IS NULL AND said.sample_b = 0
    AND two.question_id = said.question_id AND two.model_id = said.model_b;
