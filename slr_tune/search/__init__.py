"""The search: suggestions, ASHA and the Ray Tune run, all over the study."""
