"""BERTScore: how alike two texts are by greedy matching of their tokens' contextual vectors (arXiv 1904.09675)."""

from workbench.similarity.bertscore.opening import open_bertscore
from workbench.similarity.bertscore.scorer import BertScoreOptions, BertScorer, Corpus

__all__ = ["BertScoreOptions", "BertScorer", "Corpus", "open_bertscore"]
