"""The terminal UI. ``screens.app.run`` is its only entry; the rest of the program never imports this package."""
