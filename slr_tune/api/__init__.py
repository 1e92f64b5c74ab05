"""The Python API: what `slr_tune.__all__` names, and what the command line is written on."""
