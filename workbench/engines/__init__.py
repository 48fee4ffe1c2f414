"""What answers: engines behind one protocol, opened by ``registry.open_engine``. Nothing heavy is loaded here."""
