-- How many questions are meant, whether answered or not.
SELECT least(count(*), $limit) AS questions
FROM questions
WHERE ($bench::VARCHAR IS NULL OR bench = $bench::VARCHAR)
  AND ($category::VARCHAR IS NULL OR category = $category::VARCHAR)
  AND (len($questions::VARCHAR[]) = 0 OR question_id IN (SELECT unnest($questions::VARCHAR[])));
