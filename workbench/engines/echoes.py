"""Telling an answer that was delivered twice.

On a kept connection an answer sent twice is read as the answer to the next request: a verdict for the wrong pair. Most
servers number their answers (``id``), so that the same bytes under a number seen before give it away. Some servers give
every answer the same number, and caches repeat whole answers: where that is so the numbers say nothing.
"""

from __future__ import annotations

#: Answers remembered; a repeated delivery follows close upon the first.
REMEMBERED = 4096


class Echoes:
    """Remembers the last ``REMEMBERED`` ids of answers, and what came under them."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._suspect: str | None = None
        self._watching = True

    def is_repeat(self, answer_id: object, content: bytes) -> bool:
        """Whether this very answer came before. One that comes a third time, asked anew, is a habit."""
        if not self._watching or not isinstance(answer_id, str) or not answer_id:
            return False
        what = hash(content)
        if self._seen.get(answer_id) != what:
            self._seen.pop(answer_id, None)
            self._seen[answer_id] = what
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]
            return False
        if answer_id == self._suspect:
            self._watching = False
            return False
        self._suspect = answer_id
        return True
