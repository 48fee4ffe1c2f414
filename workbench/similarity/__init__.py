"""How alike two models' answers to the same question are: the first half of a MAD competition (arXiv 2404.08008)."""

from workbench.similarity.spec import METRICS, SimilaritySpec
from workbench.similarity.stage import estimate_similarity, similarity

__all__ = ["METRICS", "SimilaritySpec", "estimate_similarity", "similarity"]
