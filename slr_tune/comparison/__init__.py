"""Several trained systems side by side: size, speed, cost and WER, for a thesis or a paper."""
