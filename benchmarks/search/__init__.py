"""Search strategies and their peers on tables of learning curves; `python -m benchmarks.search`."""
