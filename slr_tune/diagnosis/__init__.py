"""What is wrong with a run, told from its curve and its checkpoint. `red_flags` needs no torch."""
