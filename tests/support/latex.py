"""Reads LaTeX closely enough to refuse what a compiler would refuse in a table."""

from __future__ import annotations

import re

KNOWN = {
    "begin", "end", "centering", "small", "setlength", "tabcolsep", "caption", "label", "toprule",
    "midrule", "bottomrule", "textbf", "textbackslash", "textasciitilde", "textasciicircum",
    "textless", "textgreater", "textbar", "pm", "times", "rightarrow", "leq", "geq", "ldots",
    "leftarrow",
}  # fmt: skip
"""Commands that LaTeX and booktabs have."""


def tables_of(text: str) -> list[list[list[str]]]:
    """The cells of every tabular.

    Raises:
        ValueError: What LaTeX would not compile: braces, dollars or environments that do not match,
            a command it does not have, a bare special character, a row of another length.
    """
    code = "\n".join(re.sub(r"(?<!\\)%.*", "", line) for line in text.splitlines())
    _check_characters(code)
    _check_environments(code)
    found = []
    for shape, body in re.findall(r"\\begin{tabular}{(\w+)}(.*?)\\end{tabular}", code, re.S):
        body = re.sub(r"\\(top|mid|bottom)rule", "", body)
        rows = [re.split(r"(?<!\\)&", row) for row in body.split(r"\\") if row.strip()]
        for row in rows:
            if len(row) != len(shape):
                raise ValueError(f"{len(row)} cells in a row of {len(shape)} columns: {row}")
        found.append([[cell.strip() for cell in row] for row in rows])
    return found


def _check_characters(code: str) -> None:
    for name in re.findall(r"\\([A-Za-z]+)", code):
        if name not in KNOWN:
            raise ValueError(f"unknown command \\{name}")
    plain = re.sub(r"\\\\|\\[%&_#${}]", "", code)  # escaped, and the ends of rows
    if plain.count("$") % 2:
        raise ValueError("a dollar sign is open")
    depth = 0
    for letter in plain:
        depth += (letter == "{") - (letter == "}")
        if depth < 0:
            raise ValueError("a brace is closed that was not open")
    if depth:
        raise ValueError("a brace is open")
    outside = re.sub(r"\\label{[^}]*}", "", plain)
    outside = re.sub(r"\\begin{tabular}.*?\\end{tabular}", _without_ampersands, outside, flags=re.S)
    bare = re.search(r"[#&^_~]|[^\x00-\x7f]", outside)
    if bare:
        raise ValueError(f"a bare {bare[0]!r}")


def _without_ampersands(found: re.Match[str]) -> str:
    return found[0].replace("&", "")


def _check_environments(code: str) -> None:
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end){(\w+)}", code):
        if kind == "begin":
            opened.append(name)
        elif not opened or opened.pop() != name:
            raise ValueError(f"\\end{{{name}}} closes nothing")
    if opened:
        raise ValueError(f"{opened} is not closed")
