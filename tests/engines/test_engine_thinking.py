from __future__ import annotations

import pytest

from workbench.engines.thinking import Parted, part_thinking


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain answer", Parted("plain answer", None)),
        ("  spaces stay\n", Parted("  spaces stay\n", None)),
        ("", Parted("", None)),
        ("<think>a</think>b", Parted("b", "a")),
        ("\n <THINK>\na\n</Think>\n\n b ", Parted("b ", "a")),
        ("<thinking>a</thinking>b", Parted("b", "a")),
        ("<think></think>b", Parted("b", None)),
        ("<think>a</think><think>c</think>b", Parted("b", "a\nc")),
        ("<think>never ends", Parted("", "never ends", closed=False)),
        ("<think>", Parted("", None, closed=False)),
        ("<think>a</think>", Parted("", "a")),
        # some templates put the opening tag into the prompt
        ("so I think\n</think>\nb", Parted("b", "so I think")),
        # tags inside an answer are something it says
        ("use <think>x</think> tags", Parted("use <think>x</think> tags", None)),
        ("<think>a</think>b <think>c", Parted("b <think>c", "a")),
        ("<thinker>no</thinker>", Parted("<thinker>no</thinker>", None)),
        ("<think>a</thinking>b", Parted("", "a</thinking>b", closed=False)),
    ],
)
def test_parts(text: str, expected: Parted) -> None:
    assert part_thinking(text) == expected
