-- Judges that rated how alike answers are, and metrics of imported similarity files.
SELECT DISTINCT judge FROM judgments WHERE protocol = 'similarity'
UNION
SELECT DISTINCT metric FROM similarities;
