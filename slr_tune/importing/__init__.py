"""Results that exist: runs of other programs and other studies, taken into a study's history."""
