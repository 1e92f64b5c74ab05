"""Importance as figures, a page and a text."""
