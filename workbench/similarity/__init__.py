"""How alike two models' answers to the same question are: the first half of a MAD competition (arXiv 2404.08008)."""

from workbench.similarity.embedding import SimilaritySpec, estimate_similarity, similarity

__all__ = ["SimilaritySpec", "estimate_similarity", "similarity"]
