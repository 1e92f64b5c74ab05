"""From frame scores to gloss sequences."""
