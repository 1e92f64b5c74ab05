"""Hypotheses and references from files, and their errors: what `slr-tune score` is made of."""
