"""`slr-tune figures`: what a printer needs is in the files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ablation_results import example_result
from generated_study import generate_study
from printed_figures import brings_its_fonts, pdf_width, png_width

from slr_tune.ablation.result_files import write_result
from slr_tune.report.print_style import new_panels, title_axis
from slr_tune.report.style import ENDINGS
from slr_tune.study.folders import study_folder

Call = Callable[..., tuple[int, str, str]]


def test_figures_have_the_width_of_a_column_and_bring_their_fonts(
    database: Path, tmp_path: Path, call: Call
) -> None:
    """Read from the files: a journal sends back what is scaled, or leans on fonts it lacks."""
    generate_study(3)
    write_result(study_folder("generated") / "ablations" / "temperature", example_result())
    out = tmp_path / "thesis"
    code, _, told = call("figures", "generated", "--width", 8.5, "--out", out)
    assert code == 0
    names = {path.stem for path in out.iterdir()}
    assert names == {f"{name}-85mm" for name in ("search", "weights", "ablation-temperature")}
    for name in names:
        pdf = out / f"{name}.pdf"
        assert str(pdf) in told and pdf_width(pdf) == pytest.approx(8.5, abs=0.01)
        assert brings_its_fonts(pdf)
        assert png_width(pdf.with_suffix(".png")) == pytest.approx(8.5 / 2.54 * 300, abs=2)


def test_the_longest_legend_fits_a_column() -> None:
    """Endings with their counts stand above the panel, none beyond the edge of the figure."""
    figure, (axis,) = new_panels(1, width=8.5, height=6.6)
    for ending in ENDINGS.values():
        axis.plot([0, 1], [70, 100], label=f"{ending.label} (128)")
    title_axis(axis, "Learning curves by how the trial ended", x="epoch", y="dev WER, %")
    figure.draw_without_rendering()
    legend = axis.get_legend()
    assert legend is not None
    box, whole = legend.get_window_extent(), figure.bbox
    assert box.x0 >= whole.x0 and box.x1 <= whole.x1
    (title,) = [text for text in axis.get_children() if "Learning" in str(text)]
    assert box.y1 <= title.get_window_extent().y0


def test_a_width_that_is_none_is_refused(database: Path, call: Call) -> None:
    generate_study(3, curves=False)
    code, _, told = call("figures", "--width", 0.5)
    assert code == 2 and "--width" in told
