"""`python -m slr_tune`: the same as `slr-tune`."""

from slr_tune.cli.main import main

if __name__ == "__main__":
    main()
