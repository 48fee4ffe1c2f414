-- Categories of questions, with how many questions each has. One row a category.
SELECT category AS name, count(*) AS n
FROM questions
WHERE category IS NOT NULL
GROUP BY category
ORDER BY category;
