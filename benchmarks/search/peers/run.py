"""Runs the searches of one environment's peers; called with that environment's Python."""

from __future__ import annotations

import importlib
import json
import logging
import sys
import traceback
import warnings
from dataclasses import asdict
from pathlib import Path

from benchmarks.search.cells import Cell, run_cell
from benchmarks.search.curve_table import CurveTable


def main() -> None:
    environment, jobs, cache = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    make = importlib.import_module(f"benchmarks.search.peers.{environment}_peers").make_strategy
    tables: dict[str, CurveTable] = {}
    broken: set[str] = set()
    with (cache / "results.jsonl").open("a") as file:
        for job in json.loads(jobs.read_text()):
            cell = Cell(**job)
            if cell.strategy in broken:
                continue
            if cell.table not in tables:
                tables[cell.table] = CurveTable.load(cache / "tables" / f"{cell.table}.npz")
            try:
                result = run_cell(cell, tables[cell.table], make)
            except Exception:
                traceback.print_exc()
                print(f"{cell.strategy} fails and is left out", file=sys.stderr, flush=True)
                broken.add(cell.strategy)
                continue
            row = {"cell": asdict(cell), "result": asdict(result)}
            print(json.dumps(row), file=file, flush=True)
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
