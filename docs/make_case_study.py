"""Writes the pages of `studies/case-study` again: `python docs/make_case_study.py`.

Nothing is trained: a report is made of `result.json` alone, in the present look and words.
"""

from __future__ import annotations

from pathlib import Path

from slr_tune.ablation.result_files import RESULT_FILE, read_result
from slr_tune.report.ablation import write_report

CASES = Path(__file__).parent.parent / "studies" / "case-study"

if __name__ == "__main__":
    for result in sorted(CASES.glob(f"*/{RESULT_FILE}")):
        for path in write_report(read_result(result.parent), result.parent):
            print(path)
