"""What is minimised: CTC, framewise distillation, feature matching."""
