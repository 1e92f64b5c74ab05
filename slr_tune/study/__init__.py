"""The study: the only truth about what was run. Storage, record, lock, folder, recovery."""
