"""`slr-tune report`: one page that says what a study found, what it cost and what to do next."""
