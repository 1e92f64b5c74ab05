"""The report of an ablation: HTML, Markdown, LaTeX, and the main figure for print."""

from __future__ import annotations

from pathlib import Path

from slr_tune.ablation.result import AblationResult
from trainables.files.atomic import replace_file

__all__ = ["write_report"]


def write_report(result: AblationResult, folder: Path) -> list[Path]:
    """Writes the report beside `result.json`.

    The same result gives the same files, to the byte.

    Args:
        result: All that is said; nothing else is read.
        folder: Is made where it does not exist.

    Returns:
        The files, the page first.
    """
    from slr_tune.report.ablation.latex import ablation_latex
    from slr_tune.report.ablation.markdown import ablation_markdown
    from slr_tune.report.ablation.page import ablation_page
    from slr_tune.report.ablation.printed import print_differences

    folder.mkdir(parents=True, exist_ok=True)
    figure = print_differences(result.main, folder)
    texts = {
        "report.html": ablation_page(result),
        "report.md": ablation_markdown(result),
        "report.tex": ablation_latex(result),
    }
    for name, text in texts.items():
        replace_file(folder / name, text.encode())
    return [*(folder / name for name in texts), *figure]
