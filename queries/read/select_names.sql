-- Names of selections.
SELECT DISTINCT name FROM selections ORDER BY name;
