-- The tables of a workbench store. Primary keys only: secondary indexes were corrupt after a crash on older engines.
-- All times are UTC. Ids are made by the client from what identifies the row, so that sending a row twice adds it once.

CREATE TABLE questions (
    question_id VARCHAR PRIMARY KEY,   -- as in the imported file (numbers as text), with --id-prefix in front if given
    bench       VARCHAR NOT NULL,      -- benchmark the question belongs to, e.g. mt_bench
    category    VARCHAR,               -- e.g. writing, math
    scenario    VARCHAR,               -- one of Auto-J's scenario names, if classified
    language    VARCHAR,               -- language name or tag, if known
    turns       VARCHAR[] NOT NULL,    -- what the user says, one entry a turn
    reference   VARCHAR[],             -- right answers, one a turn; NULL if there is no right answer
    parent_id   VARCHAR,               -- the question this one was evolved from
    meta        JSON,                  -- every other field of the imported line
    position    BIGINT,                -- order within the import: ties and listings keep file order
    created_at  TIMESTAMP NOT NULL
);

CREATE TABLE models (
    model_id    VARCHAR PRIMARY KEY,   -- the name used everywhere
    engine      VARCHAR NOT NULL,      -- api, bundled, or import (answers came from a file)
    endpoint    VARCHAR,               -- base URL or path of a model file
    params      JSON NOT NULL,         -- remote model name, sampling, system prompt, prices, NAME of the key's variable
    created_at  TIMESTAMP NOT NULL
);

CREATE TABLE responses (
    response_id VARCHAR PRIMARY KEY,   -- hash of question, model, sample, params_hash and attempt
    question_id VARCHAR NOT NULL,
    model_id    VARCHAR NOT NULL,
    sample      INTEGER NOT NULL,      -- 0 for the first answer of a model to a question
    turns       VARCHAR[] NOT NULL,    -- the answers, raw, one a turn
    reasoning   VARCHAR[],             -- text the model thought aloud, one entry a turn; never judged
    finish_reason VARCHAR,             -- of the last turn: stop, length, content_filter, …
    prompt_tokens BIGINT,              -- over all turns
    completion_tokens BIGINT,          -- over all turns
    latency     DOUBLE,                -- seconds, over all turns
    cost        DOUBLE,                -- US dollars by the price table in force; NULL if no price is known
    params_hash VARCHAR NOT NULL,      -- hash of everything that shaped the answer besides the question
    params      JSON,                  -- the same, readable: sampling, system prompt, engine and version
    attempt     INTEGER NOT NULL,      -- 0, then 1, … when a failure is tried again; earlier rows are kept
    state       VARCHAR NOT NULL,      -- ok, refused, truncated, too_long or error
    error       VARCHAR,               -- what went wrong, if anything
    n_chars     BIGINT NOT NULL,       -- characters of all turns together, for filters
    n_words     BIGINT NOT NULL,       -- words separated by white space, all turns together
    job_id      VARCHAR,
    created_at  TIMESTAMP NOT NULL
);

-- Answered turns of conversations that have not ended: kept so that a killed worker's paid turns are not asked again.
-- Rows go once the whole response is stored.
CREATE TABLE partial_turns (
    partial_id  VARCHAR PRIMARY KEY,   -- hash of question, model, sample, params_hash and turn
    question_id VARCHAR NOT NULL,
    model_id    VARCHAR NOT NULL,
    sample      INTEGER NOT NULL,
    params_hash VARCHAR NOT NULL,
    turn        INTEGER NOT NULL,      -- 1-based
    text        VARCHAR NOT NULL,      -- the answer, raw
    reasoning   VARCHAR,
    finish_reason VARCHAR,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    latency     DOUBLE,                -- seconds
    cost        DOUBLE,                -- US dollars
    created_at  TIMESTAMP NOT NULL
);

CREATE TABLE similarities (
    question_id VARCHAR NOT NULL,
    response_a  VARCHAR NOT NULL,      -- the one whose model name sorts first
    response_b  VARCHAR NOT NULL,
    metric      VARCHAR NOT NULL,      -- e.g. embedding
    metric_version VARCHAR NOT NULL,   -- encoder and its version
    score       DOUBLE NOT NULL,       -- 1 = the same; for embedding the cosine
    created_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (response_a, response_b, metric, metric_version)
);

CREATE TABLE selections (
    selection_id VARCHAR NOT NULL,     -- one run of a selector: hash of its inputs and options
    name        VARCHAR NOT NULL,      -- what people call it
    method      VARCHAR NOT NULL,      -- mad or random
    mode        VARCHAR NOT NULL,      -- corrected or compat: which reading of the published filters
    metric      VARCHAR,
    metric_version VARCHAR,
    diversity   DOUBLE NOT NULL,       -- λ, the weight of diversity; 0 = similarity only
    k           INTEGER NOT NULL,      -- items asked for per pair of models
    arm         VARCHAR NOT NULL,      -- selected or control
    model_a     VARCHAR NOT NULL,      -- sorts before model_b
    model_b     VARCHAR NOT NULL,
    rank        INTEGER NOT NULL,      -- 1 = chosen first
    question_id VARCHAR NOT NULL,
    response_a  VARCHAR NOT NULL,      -- by model_a
    response_b  VARCHAR NOT NULL,      -- by model_b
    score       DOUBLE NOT NULL,       -- what was minimised when the item was chosen
    similarity  DOUBLE,                -- of the two answers
    created_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (selection_id, model_a, model_b, arm, rank)
);

CREATE TABLE judgments (
    judgment_id VARCHAR PRIMARY KEY,   -- hash of everything below that could change the verdict
    protocol    VARCHAR NOT NULL,      -- single or pairwise
    judge       VARCHAR NOT NULL,      -- model_id of the judge, or its name in an imported file
    judge_version VARCHAR NOT NULL,    -- hash of the judge's engine, remote model and sampling
    template    VARCHAR NOT NULL,      -- name of the prompt template
    template_hash VARCHAR NOT NULL,    -- hash of its text
    mode        VARCHAR NOT NULL,      -- corrected or compat: which reading of the verdict rules
    question_id VARCHAR NOT NULL,
    turn        INTEGER NOT NULL,      -- 1-based turn that was judged
    model_a     VARCHAR NOT NULL,      -- in pairwise rows sorts before model_b
    model_b     VARCHAR,               -- NULL for single grading
    response_a  VARCHAR,               -- NULL when imported without answers
    response_b  VARCHAR,
    presented_order VARCHAR NOT NULL,  -- ab, ba, both (imported verdict over two games) or single
    sample      INTEGER NOT NULL,      -- repetition of the same judgment
    attempt     INTEGER NOT NULL,      -- 0, then 1, … when a failure is tried again; earlier rows are kept
    state       VARCHAR NOT NULL,      -- ok, unparsed, refused, truncated, too_long or error; only ok counts
    verdict     VARCHAR,               -- a, b or tie, already mapped back to model_a and model_b
    inconsistent BOOLEAN,              -- order 'both' only: the two games disagreed
    score_a     DOUBLE,                -- grade of response_a, if the protocol gives one
    score_b     DOUBLE,
    probabilities JSON,                -- {"a":…, "b":…, "tie":…} when the engine gives log probabilities
    raw_text    VARCHAR,               -- the judge's whole answer, raw
    reasoning   VARCHAR,               -- thinking text kept apart; never parsed
    error       VARCHAR,
    prompt_tokens BIGINT,
    completion_tokens BIGINT,
    latency     DOUBLE,                -- seconds
    cost        DOUBLE,                -- US dollars, NULL if no price is known
    job_id      VARCHAR,
    created_at  TIMESTAMP NOT NULL
);

-- Append-only: an undo is a row of its own whose `cancels` names the row it takes back.
CREATE TABLE annotations (
    annotation_id VARCHAR PRIMARY KEY,
    annotator   VARCHAR NOT NULL,      -- who decided
    annotator_kind VARCHAR NOT NULL,   -- human or author (FastChat keeps the paper's authors apart from experts)
    item        VARCHAR NOT NULL,      -- hash of question, turn, models and responses: what was decided
    question_id VARCHAR NOT NULL,
    turn        INTEGER NOT NULL,      -- 1-based; 0 = the whole conversation
    model_a     VARCHAR NOT NULL,      -- sorts before model_b
    model_b     VARCHAR NOT NULL,
    response_a  VARCHAR,               -- by model_a; NULL when imported without answers
    response_b  VARCHAR,
    selection_id VARCHAR,              -- the selection that put the item before the annotator
    presented_order VARCHAR NOT NULL,  -- ab, ba, or unknown (imported)
    verdict     VARCHAR,               -- a, b, tie, both_bad or skip, mapped back to model_a/model_b; NULL on a cancelling row
    flags       VARCHAR[],             -- what the annotator marked, e.g. identity_revealed
    note        VARCHAR,
    shown_at    TIMESTAMP,
    decided_at  TIMESTAMP NOT NULL,
    cancels     VARCHAR,               -- annotation_id taken back by this row
    position    BIGINT,                -- order within the import: sequential Elo needs it
    meta        JSON                   -- every other field of the imported line
);

CREATE TABLE jobs (
    job_id      VARCHAR PRIMARY KEY,
    kind        VARCHAR NOT NULL,      -- generate, similarity, select, judge or run
    spec        JSON NOT NULL,         -- what was asked for
    state       VARCHAR NOT NULL,      -- queued, running, done, failed or cancelled
    done        BIGINT NOT NULL,       -- items with a result or a recorded failure
    total       BIGINT,                -- NULL until counted
    failed      BIGINT NOT NULL,       -- of done, those recorded as failures
    message     VARCHAR,               -- last thing worth saying
    cancel_requested BOOLEAN NOT NULL,
    pid         BIGINT,
    host        VARCHAR,
    created_at  TIMESTAMP NOT NULL,
    started_at  TIMESTAMP,
    heartbeat_at TIMESTAMP,
    ended_at    TIMESTAMP
);

CREATE TABLE job_events (
    event_id    VARCHAR PRIMARY KEY,
    job_id      VARCHAR NOT NULL,
    level       VARCHAR NOT NULL,      -- info, warning or error
    message     VARCHAR NOT NULL,
    created_at  TIMESTAMP NOT NULL
);

CREATE TABLE imports (
    import_id   VARCHAR PRIMARY KEY,   -- hash of content, format and options
    file        VARCHAR NOT NULL,
    content_hash VARCHAR NOT NULL,     -- SHA-256 of the file
    format      VARCHAR NOT NULL,
    rows        BIGINT NOT NULL,       -- rows read from the file
    rejected    BIGINT NOT NULL,       -- of these, rows left out as bad
    created_at  TIMESTAMP NOT NULL
);

-- Results worth keeping: replaced as a whole for one (method, source, scope).
CREATE TABLE ratings (
    method      VARCHAR NOT NULL,      -- elo, elo_permutation, elo_bootstrap, bt
    source      VARCHAR NOT NULL,      -- human, all, or a judge's name
    model       VARCHAR NOT NULL,
    rating      DOUBLE NOT NULL,
    lower       DOUBLE,                -- bounds of the interval; NULL when none could be made
    upper       DOUBLE,
    interval    VARCHAR,               -- how the interval was made, e.g. bootstrap by question, 95 %, 1000 rounds
    n           BIGINT NOT NULL,       -- battles of this model
    wins        BIGINT NOT NULL,
    losses      BIGINT NOT NULL,
    ties        BIGINT NOT NULL,
    battles     BIGINT NOT NULL,       -- battles of all models in this rating
    component   INTEGER NOT NULL,      -- models in different components were never compared, even indirectly
    computed_at TIMESTAMP NOT NULL,
    PRIMARY KEY (method, source, model)
);
