"""The ablation: factors, the plan of arms and seeds, shared prefixes, and what was shown."""
