-- How far each judge's verdicts hang on the order in which the answers were shown.
SELECT rater AS judge, games, first_wins, second_wins, first_share, pairs, consistent
FROM position_bias WHERE source = 'judge' ORDER BY rater;
