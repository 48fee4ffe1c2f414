"""Widgets of the terminal UI: light enough for SSH, and safe with any text a model may write."""
