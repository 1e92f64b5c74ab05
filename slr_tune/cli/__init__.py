"""The command line: one file a command. Each parses, calls, prints, and sets the exit code."""
