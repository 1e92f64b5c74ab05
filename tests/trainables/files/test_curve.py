"""The curve on disk: exact, and whole after a crash."""

import csv
import math
import subprocess
import sys
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from trainables.files.curve import COLUMNS, CurveFile, EventFile


def row(epoch: int, **values: float) -> dict[str, float]:
    return {"epoch": epoch, "seconds": 0.1 * epoch, **values}


def test_a_row_reads_back_to_the_same_bits(tmp_path: Path) -> None:
    # Resumed curves are compared bit by bit; a rounding in the file would break that.
    file = CurveFile(tmp_path / "curve.csv")
    values = {"train/loss": 0.1 + 0.2, "val/wer": 1 / 3, "val/loss": 1e-300}
    file.append(row(1, **values))
    read = file.rows()[0]
    assert {name: read[name] for name in values} == values
    assert read["epoch"] == 1 and isinstance(read["epoch"], int)


def test_header_has_the_documented_columns_and_missing_values_are_empty(tmp_path: Path) -> None:
    # Other people's scripts read this file by its column names.
    file = CurveFile(tmp_path / "curve.csv")
    file.append(row(1, **{"train/temperature": math.nan, "val/wer": 50.0}))
    with file.path.open() as opened:
        header, cells = list(csv.reader(opened))
    assert tuple(header) == COLUMNS
    assert header[3] == "train/loss_components/distillation_loss"
    assert cells[COLUMNS.index("train/temperature")] == ""
    assert math.isnan(file.rows()[0]["train/temperature"])


@pytest.mark.parametrize("torn", ["3,0.", '3,"0.3', "3,0.3,,,,,,,,,,,,,x\n", "3,0.3\n"])
def test_reading_stops_at_a_torn_line(tmp_path: Path, torn: str) -> None:
    # A process killed inside a write must not cost the epochs before it.
    file = CurveFile(tmp_path / "curve.csv")
    for epoch in (1, 2):
        file.append(row(epoch))
    with file.path.open("a") as opened:
        opened.write(torn)
    assert [read["epoch"] for read in file.rows()] == [1, 2]


def test_appending_after_a_torn_line_drops_it(tmp_path: Path) -> None:
    # Otherwise the new epoch would be glued to the torn one and both be lost.
    file = CurveFile(tmp_path / "curve.csv")
    file.append(row(1))
    with file.path.open("a") as opened:
        opened.write("2,0.")
    file.append(row(2))
    assert [read["epoch"] for read in file.rows()] == [1, 2]


def test_repair_replaces_the_rows(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "folder" / "curve.csv")
    for epoch in (1, 2, 3):
        file.append(row(epoch)) if file.path.parent.exists() else file.repair([row(epoch)])
    file.repair([row(1)])
    assert [read["epoch"] for read in file.rows()] == [1]
    assert [path.name for path in file.path.parent.iterdir()] == ["curve.csv"]


def test_own_columns_of_a_users_run(tmp_path: Path) -> None:
    # A user's run reports what it likes; a column may come late and hold a comma.
    file = CurveFile(tmp_path / "curve.csv")
    file.append({"score": 1.5, "epoch": 1})
    file.append({"score": 2.5, "epoch": 2, "a,b": 7.0})
    assert file.path.read_text().splitlines()[0] == 'epoch,score,"a,b"'
    assert file.rows()[1] == {"epoch": 2, "score": 2.5, "a,b": 7.0}
    assert math.isnan(file.rows()[0]["a,b"])


def test_missing_or_empty_file_has_no_rows(tmp_path: Path) -> None:
    file = CurveFile(tmp_path / "curve.csv")
    assert file.rows() == []
    file.path.write_text("")
    assert file.rows() == []


def test_tensorboard_reads_the_events(tmp_path: Path) -> None:
    # TensorBoard itself must see the names of the CSV; NaN is left out, as it has no place there.
    events = EventFile(tmp_path)
    events.append(row(1, **{"val/wer": 50.0, "train/temperature": math.nan}))
    events.append(row(2, **{"val/wer": 40.0}))
    read = [event for event in LegacyEventFileLoader(str(events.path)).Load() if event.step]
    assert [event.step for event in read] == [1, 2]
    assert [{v.tag: v.simple_value for v in event.summary.value} for event in read] == [
        {"seconds": pytest.approx(0.1), "val/wer": 50.0},
        {"seconds": pytest.approx(0.2), "val/wer": 40.0},
    ]


def test_event_file_is_repaired(tmp_path: Path) -> None:
    # After a crash an epoch must not stand in TensorBoard twice.
    events = EventFile(tmp_path)
    for epoch in (1, 2, 3):
        events.append(row(epoch))
    events.repair([row(1)])
    events.append(row(2))
    read = LegacyEventFileLoader(str(events.path)).Load()
    assert [event.step for event in read if event.step] == [1, 2]


def test_light_modules_do_not_import_torch() -> None:
    # `slr-tune list` reads curves and settings; it must not pay seconds for torch.
    modules = "config, files.curve, runs.early_stopping, errors, protocol, registry"
    imports = ", ".join(f"trainables.{name}" for name in modules.split(", "))
    code = f"import {imports}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
