"""Greedy matching on a device of torch's: as ``greedy``, pair by pair side by side in padded batched products."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from workbench.similarity.bertscore.greedy import Places, Scores
from workbench.similarity.bertscore.packing import Packed, split


class DeviceTexts:
    """Several texts' vectors on the device: ``packed`` rows (T, d + 8) are unpacked there; ``starts`` as in
    ``greedy.Texts``; ``weights`` (T)."""

    def __init__(self, packed: Packed, starts: Places, weights: Scores, device: str) -> None:
        import torch

        self.device, self.starts, self.weights = device, starts, weights
        coordinates, scale, peaks, places = split(packed)
        on = {"device": device}
        rows = torch.from_numpy(np.ascontiguousarray(coordinates)).to(**on).float()
        rows *= torch.from_numpy(scale.copy()).to(**on)[:, None]
        where = torch.from_numpy(places.astype(np.int64)).to(**on)
        rows.scatter_(1, where, torch.from_numpy(peaks.copy()).to(**on))
        # One row of zeros at the end stands for padding.
        self.tokens = torch.cat([rows, torch.zeros((1, rows.shape[1]), **on)])
        self.weighed = torch.from_numpy(np.append(weights, 0.0)).to(torch.float32).to(**on)


def match(texts: DeviceTexts, first: Places, second: Places, memory: int) -> tuple[Scores, Scores]:
    """Precision and recall of pairs as ``greedy.match``; buffers on the device take about ``memory`` bytes at most."""
    precision, recall = np.zeros(len(first)), np.zeros(len(first))
    lengths = np.diff(texts.starts)
    order = np.lexsort((lengths[second], lengths[first]))[::-1]
    width = int(texts.tokens.shape[1])
    start = 0
    while start < len(order):
        # Pairs are sorted by the first's length: no candidate is longer than the first one's. The longest reference of
        # any bounds the rest, so that a stretch can be sized before it is cut.
        longest, other = int(lengths[first[order[start]]]), int(lengths[second].max())
        each = 4 * (longest * other + (longest + other) * width)
        at = order[start : start + max(1, memory // each)]
        precision[at], recall[at] = _batch(texts, first[at], second[at])
        start += len(at)
    sums = np.add.reduceat(texts.weights, texts.starts[:-1])
    hollow = (sums[first] == 0) | (sums[second] == 0)
    precision[hollow] = recall[hollow] = 0.0
    return precision, recall


def _batch(texts: DeviceTexts, first: Places, second: Places) -> tuple[Scores, Scores]:
    import torch

    mine, theirs = _rows(texts, first), _rows(texts, second)
    # Padding is a vector of zeros: its cosines are 0, and a best match below 0 counts as 0 anyway.
    cosines = torch.bmm(texts.tokens[mine], texts.tokens[theirs].transpose(1, 2))
    precision = _weighed(cosines.amax(dim=2), texts.weighed[mine])
    recall = _weighed(cosines.amax(dim=1), texts.weighed[theirs])
    return precision, recall


def _rows(texts: DeviceTexts, which: Places) -> Any:
    """Rows of these texts' tokens (texts, longest), the padding's row where a text is shorter."""
    import torch

    starts, ends = texts.starts[which], texts.starts[which + 1]
    rows: npt.NDArray[np.int64] = starts[:, None] + np.arange(int((ends - starts).max()))
    rows = np.where(rows < ends[:, None], rows, len(texts.weights))
    return torch.from_numpy(rows).to(texts.device)


def _weighed(best: Any, weights: Any) -> Scores:
    found: Scores = ((best.clamp(min=0) * weights).sum(dim=1) / weights.sum(dim=1)).double().cpu().numpy()
    return found
