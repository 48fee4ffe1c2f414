"""Blind pairwise annotation, without any screen.

Items come from a selection, rank 1 of every pair of models first. Which answer is shown left is drawn per
item and annotator from a hash, so it is the same after a restart, and it is stored with the vote. Votes are
rows of the append-only table ``annotations``; an undo is a row that cancels an earlier one.

A vote is written to a journal beside the store before it is sent to the store: a crash or a store that is
away loses nothing. The next session of anybody on this store sends what is left in the journal.
"""

from __future__ import annotations

from workbench.annotate.items import Item, Key
from workbench.annotate.journal import Journal, replay
from workbench.annotate.session import CHOICES, FLAGGED, REVEALED, Session, SessionProgress

__all__ = ["CHOICES", "FLAGGED", "REVEALED", "Item", "Journal", "Key", "Session", "SessionProgress", "replay"]
