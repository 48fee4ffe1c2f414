-- Who judged by which protocol, template and settings. One row per (judge, protocol, template, template_hash,
-- judge_version, mode), with how many judgments there are.
SELECT judge, protocol, template, template_hash, judge_version, mode, count(*) AS judgments
FROM judgments
GROUP BY ALL
ORDER BY ALL;
