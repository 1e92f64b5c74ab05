"""What is checked before a search, so that it does not fail in the night."""
