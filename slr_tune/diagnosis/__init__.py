"""What is wrong with a run, found from its curve and its checkpoint. `red_flags` needs no torch."""
