"""This project's search strategies and their peers, simulated on tables of learning curves.

    python -m benchmarks.search                            # own tables, own strategies
    python -m benchmarks.search --tables FOLDER            # and LCBench's or TaskSet's
    python -m benchmarks.search --tables FOLDER --peers    # and the peers

What was simulated is remembered in CACHE/results.jsonl; the same command goes on, and another one
adds to it. Regret is 0 at the best known value and 1 at the median configuration's. Searches run 20
trainings; smaller budgets are read off their way. A peer gets the baseline where it takes one;
random and random-asha take none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.search.cells import all_cells, read_results, run_missing
from benchmarks.search.compare_results import draw, report
from benchmarks.search.curve_table import CurveTable
from benchmarks.search.peers import PEERS, run_peers
from benchmarks.search.strategies import STRATEGIES, make_strategy
from benchmarks.search.table_files import OWN, read_folder, read_own

DEFAULT = "prior-asha"
CHOSEN_ON = ("168330", "3945", "patch128_LSTM128_bs64", "libras-distill")
"""Tables on which variants may be compared; all others are held out."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--tables", type=Path, help="folder of LCBench or TaskSet tables")
    parser.add_argument("--grace", type=int, default=3, help="epochs of the folder's first rung")
    parser.add_argument("--cache", type=Path, default=Path(".cache/search-benchmark"))
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="tables by their names")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, nargs="+", default=[4])
    parser.add_argument("--priors", nargs="+", choices=("good", "bad"), default=["good", "bad"])
    parser.add_argument("--strategies", nargs="+", default=[DEFAULT, "tpe-asha", "random-asha",
                        "random"], choices=STRATEGIES)  # fmt: skip
    parser.add_argument("--noise", type=float, default=0.0, help="sd of a factor on each curve")
    parser.add_argument("--distinct", action="store_true", help="a row of a table is given to one "
                        "trial of a search; the next gets the nearest that is left")  # fmt: skip
    parser.add_argument("--peers", nargs="*", choices=PEERS, help="these peers, or all")
    parser.add_argument("--figure", type=Path, help="folder for strategies.png and its PDF")
    parser.add_argument("--report-only", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    tables = read_tables(arguments.tables, grace=arguments.grace)
    if arguments.only:
        tables = {key: table for key, table in tables.items() if table.name in arguments.only}
        if not tables:
            parser.error(f"none of the tables is called {' or '.join(arguments.only)}")
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    peers = [] if arguments.peers is None else arguments.peers or list(PEERS)
    arguments.cache.mkdir(parents=True, exist_ok=True)
    file = arguments.cache / "results.jsonl"
    asked = {
        "priors": arguments.priors,
        "seeds": seeds,
        "workers": arguments.workers,
        "noise": arguments.noise,
        "repeats": not arguments.distinct,
    }
    if not arguments.report_only:
        cells = all_cells(arguments.strategies, tables, **asked)
        run_missing(cells, tables, make_strategy, file, tell)
        run_peers(list(all_cells(peers, tables, **asked)), tables, arguments.cache, tell)
    known = read_results(file).items()
    results = {cell: result for cell, result in known if cell.seed in seeds}
    shown = [*arguments.strategies, *peers]
    others = [name for name in shown if name != DEFAULT]
    chosen = [key for key, table in tables.items() if table.name in CHOSEN_ON]
    held = [key for key in tables if key not in chosen]
    for workers in arguments.workers:
        for label, names in (("all", list(tables)), ("chosen on", chosen), ("held out", held)):
            if names:
                listed = ", ".join(tables[name].name for name in names)
                print(f"\n{workers} workers, tables {label}: {listed}")
                print(
                    report(
                        results, ours=DEFAULT, others=others, tables=names, workers=workers,
                        budgets=(8, 20), noise=arguments.noise, repeats=not arguments.distinct,
                    )
                )  # fmt: skip
    if arguments.figure:
        workers = arguments.workers[0]
        print(draw(results, [DEFAULT, *others], tables=list(tables), workers=workers,
                   folder=arguments.figure, repeats=not arguments.distinct))  # fmt: skip


def read_tables(folder: Path | None, *, grace: int = 3) -> dict[str, CurveTable]:
    """This project's own tables, and those of a folder, by their keys."""
    own = [read_own(path.stem) for path in sorted(OWN.glob("*.npz"))]
    given = [] if folder is None else read_folder(folder, grace=grace)
    return {table.key: table for table in (*given, *own)}


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
