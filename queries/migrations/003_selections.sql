-- What a selection was made with, besides what columns of their own say: reports and `select --extend` read it.

-- For mad: {bench, models, embedder, embedder_version, across, per_category, quota, top_k, control}; for mad-judges: {bench,
-- models, judges, …}. NULL for selections made before, or by compare-judges and juries.
ALTER TABLE selections ADD COLUMN options JSON;

-- More values than 001 names: selections.method is also mad-judges, whose metric is disagreement, metric_version the two
-- judges of the row, rank runs over all pairs, and score is 1 − how far apart the judges are (+ λ · likeness).
