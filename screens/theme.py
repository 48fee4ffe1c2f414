"""Two calm themes. Colour never says anything that words or position do not say too."""

from __future__ import annotations

from textual.theme import Theme

_SHARED = {"footer-key-foreground": "#8fb0d0", "block-cursor-text-style": "none"}

DARK = Theme(
    name="workbench-dark",
    primary="#8fb0d0",
    secondary="#9aa7b5",
    accent="#d6b17a",
    warning="#d6b17a",
    error="#d98a84",
    success="#9dbf8a",
    foreground="#d5d9df",
    background="#15181d",
    surface="#1b1f26",
    panel="#272d36",
    dark=True,
    variables={
        **_SHARED,
        "quiet": "#8d97a5",
        "block-cursor-background": "#33485e",
        "block-cursor-foreground": "#eef2f6",
        "block-cursor-blurred-background": "#272d36",
        "block-cursor-blurred-foreground": "#d5d9df",
        "input-selection-background": "#8fb0d0 35%",
        "scrollbar": "#3a424e",
        "scrollbar-background": "#15181d",
        "scrollbar-corner-color": "#15181d",
    },
)

LIGHT = Theme(
    name="workbench-light",
    primary="#2f5f8f",
    secondary="#54616f",
    accent="#8a5a12",
    warning="#8a5a12",
    error="#a23a36",
    success="#3f6f2f",
    foreground="#20252b",
    background="#fbfbf9",
    surface="#f2f2ee",
    panel="#e2e4e2",
    dark=False,
    variables={
        "footer-key-foreground": "#2f5f8f",
        "block-cursor-text-style": "none",
        "quiet": "#5d6772",
        "block-cursor-background": "#c4d6e8",
        "block-cursor-foreground": "#14181c",
        "input-selection-background": "#2f5f8f 25%",
        "scrollbar": "#b9c0c6",
        "scrollbar-background": "#fbfbf9",
        "scrollbar-corner-color": "#fbfbf9",
    },
)
