"""The teacher of a distillation: its outputs, live, cached or as soft targets on disk."""
