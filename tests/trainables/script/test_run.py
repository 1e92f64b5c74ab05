"""Scripts of other people, driven as processes: read, stopped, gone on with, and their faults."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from foreign_scripts import script_run, script_spec

from slr_tune.space import StudySpec, load_spec
from slr_tune.text import error_summary
from trainables.checked_run import CheckedRun, RunRefused
from trainables.errors import ConfigError
from trainables.memory import is_out_of_memory
from trainables.script.run import ScriptFailed


def values(run: CheckedRun, metric: str, epochs: int = 9) -> list[float]:
    """The metric of so many epochs."""
    rows = []
    while len(rows) < epochs and run.ended_by is None and (row := run.run_epoch()) is not None:
        rows.append(row)
    return [row[metric] for row in rows]


def script(folder: Path, code: str, metrics: str, more: str = "") -> StudySpec:
    """A space over a script of a few lines."""
    (folder / "s.py").write_text(code)
    space = folder / "s.yaml"
    space.write_text(
        f"study: s\ntrainable:\n  command: {sys.executable} {folder}/s.py {{x}} {{folder}}\n"
        f"  metrics: {metrics}\n{more}"
        "budget: {trials: 1, max_epochs: 4}\nspace: {x: {float: [0.0, 1.0]}}\nbaseline: {x: 0.5}\n"
    )
    return load_spec(space)


@pytest.mark.parametrize("name", ["teacher", "distill", "click"])
def test_cut_off_it_resumes_where_it_was(tmp_path: Path, name: str) -> None:
    """No epoch is lost, told twice, or told as another: stdout, TensorBoard, CSV from epoch 0."""
    spec = script_spec(tmp_path, name)
    metric = spec.objective.metric
    with closing(script_run(spec, tmp_path / "straight")) as straight:
        whole = values(straight, metric)
        assert straight.ended_by == "max_epochs" and straight.facts()["ended_with"] == "exit code 0"
    with closing(script_run(spec, tmp_path / "cut")) as first:
        begun = values(first, metric, 3)
        state = first.state()
    with closing(script_run(spec, tmp_path / "cut")) as second:
        second.load(state)
        rest = values(second, metric)
        assert second.facts()["starts"][-1].startswith("resumes after epoch 3")
    assert len(whole) == 9
    for one, other in zip(begun + rest, whole, strict=True):
        assert one == other or (math.isnan(one) and math.isnan(other))


def test_an_epoch_without_validation_has_no_value(tmp_path: Path) -> None:
    """The script leaves out every third: it is an epoch all the same."""
    spec = script_spec(tmp_path, "click")
    with closing(script_run(spec, tmp_path / "run")) as run:
        found = values(run, "val/wer")
    assert [math.isnan(value) for value in found] == [False, True, False] * 3


def test_what_the_script_got_is_written_down(tmp_path: Path) -> None:
    """Command, environment, commit: what one needs to say later what was run."""
    spec = script_spec(tmp_path, "distill")
    with closing(script_run(spec, tmp_path / "run", seed=7)) as run:
        run.run_epoch()
        facts = run.facts()
    folder = tmp_path / "run" / "output"
    assert facts["command"][-2:] == ["--config", f"{folder}/config.yaml"]
    assert facts["environment"]["SLR_TUNE_SEED"] == "7" and facts["git_commit"]
    assert facts["peak_memory_bytes"] > 2**20
    text = (folder / "config.yaml").read_text()
    assert "seed: 7" in text and "epochs: 9" in text and "batch_size: 24" in text


_BY_ITSELF = """
import pathlib, sys
state = pathlib.Path(sys.argv[2]) / "last"
first = int(state.read_text()) if state.exists() else 0
for epoch in range(first, 4):
    print(f"epoch {epoch} wer {50 - epoch}", flush=True)
    begun = state.with_suffix(".new")
    begun.write_text(str(epoch + 1))
    begun.replace(state)  # a kill must not leave half of it
"""


def test_a_script_that_resumes_by_itself_keeps_its_folder(tmp_path: Path) -> None:
    """`resume: ''`: without it the folder is moved away, and all epochs are trained again."""
    metrics = r"{stdout: 'epoch (?P<epoch>\d+) wer (?P<wer>\d+)'}"
    spec = script(tmp_path, _BY_ITSELF, metrics, "  resume: ''\nobjective: {metric: wer}\n")
    with closing(script_run(spec, tmp_path / "run")) as first:
        assert values(first, "wer", 2) == [50, 49]
        state = first.state()
    with closing(script_run(spec, tmp_path / "run")) as second:
        second.load(state)
        assert values(second, "wer", 4) == [48, 47]
        assert second.facts()["starts"][-1] == "resumes after epoch 2 by itself"
    assert not (tmp_path / "run" / "output.1").exists()


def test_without_resume_it_starts_from_scratch_and_says_so(tmp_path: Path) -> None:
    """What is stored stays as it is; the epochs before are trained again and not told."""
    code = "import sys\nfor e in range(4): print('epoch', e, 'loss', 1 / (e + 1))\n"
    metrics = "{stdout: 'epoch (?P<epoch>.) loss (?P<loss>.*)'}\nobjective: {metric: loss}"
    spec = script(tmp_path, code, metrics)
    with closing(script_run(spec, tmp_path / "run")) as first:
        values(first, "loss", 2)
        state = first.state()
        (tmp_path / "run" / "output" / "old").touch()
    with closing(script_run(spec, tmp_path / "run")) as second:
        second.load(state)
        while second.catch_up():
            pass
        assert values(second, "loss") == [pytest.approx(1 / 3), 0.25]
        assert second.notice == (
            "s.py starts from scratch after epoch 2, because its trainable section has no resume"
        )
    assert (tmp_path / "run" / "output.1" / "old").exists()
    assert not (tmp_path / "run" / "output" / "old").exists()


PREEMPTED = """
import os, sys, signal, pathlib
state = pathlib.Path(sys.argv[2]) / 'last'
first = int(state.read_text()) + 1 if '--go-on' in sys.argv else 1
for e in range(first, 5):
    print(f'epoch {e}')
    print(f'  validation: WER = {10 / e} %')
    state.write_text(str(e))
    if e == 2 and first == 1:
        os.kill(os.getpid(), signal.SIGKILL)
"""
TWO_LINES = """
    stdout: ['^epoch (?P<epoch>.)', 'WER = (?P<val_wer>.*) %']
"""


def test_a_script_that_is_killed_is_taken_up_again(tmp_path: Path) -> None:
    """Preempted, or killed by hand: it goes on by itself, once without an epoch in between."""
    spec = script(tmp_path, PREEMPTED, TWO_LINES, "  resume: --go-on {folder}/last\n")
    with closing(script_run(spec, tmp_path / "run")) as run:
        assert values(run, "val/wer") == [10, 5, pytest.approx(10 / 3), 2.5]
        assert run.notice is not None and "SIGKILL; it resumes after epoch 2" in run.notice


def test_an_error_is_reported_with_its_last_lines(tmp_path: Path) -> None:
    """Exit code and the end of the traceback are what the user needs, in the study."""
    spec = script_spec(tmp_path, "teacher")
    with closing(script_run(spec, tmp_path / "run", crash_at=2)) as run:
        assert run.run_epoch() is not None
        with pytest.raises(ScriptFailed) as caught:
            run.run_epoch()
    message = str(caught.value)
    assert "train_teacher.py ended with exit code 1 after epoch 1" in message
    assert "RuntimeError: CTC loss is inf for 3 utterances" in message and "output.log" in message
    short = error_summary(message)  # the first line alone would end with "its last lines:"
    assert short.startswith("exit code 1: RuntimeError: CTC loss is inf for 3 utterances")


def test_the_short_form_of_an_error() -> None:
    """A table has one line for it: what happened, not where."""
    assert error_summary(None) == error_summary(" ") == ""
    assert error_summary("Traceback:\n  File x\nValueError: no") == "ValueError: no"
    assert error_summary("no room\n  Take fewer.") == "no room"
    silent = "x.sh ended with SIGSEGV after epoch 3; its last lines:\n    [slr-tune] begins"
    assert error_summary(silent) == "SIGSEGV"
    assert len(error_summary("x" * 500)) == 160


@pytest.mark.parametrize(
    "code",
    [
        "raise RuntimeError('CUDA out of memory. Tried to allocate 2.00 GiB')",
        "import os; os.kill(os.getpid(), 9)",
    ],
    ids=["of a GPU", "by the kernel"],
)
def test_want_of_memory_is_reported_from_other_errors(tmp_path: Path, code: str) -> None:
    """It is not the configuration's fault alone: the search tries it again elsewhere."""
    spec = script(tmp_path, code, "{jsonl: '{folder}/m.jsonl'}")
    with closing(script_run(spec, tmp_path / "run")) as run:
        with pytest.raises(ScriptFailed) as caught:
            run.run_epoch()
    assert is_out_of_memory(caught.value)


def test_a_script_in_which_no_epoch_is_found_is_refused(tmp_path: Path) -> None:
    """With what was looked for, and what it said instead."""
    spec = script(tmp_path, "print('Epoche 1: 12 %')", TWO_LINES)
    with closing(script_run(spec, tmp_path / "run")) as run:
        with pytest.raises(RunRefused) as caught:
            run.run_epoch()
    assert "WER = (?P<val_wer>.*) %" in str(caught.value) and "Epoche 1: 12 %" in str(caught.value)


def test_its_own_early_stopping_ends_it(tmp_path: Path) -> None:
    """It has ended well, after the epochs that it told."""
    code = "import sys\nfor e in (1, 2): print('epoch', e, '\\n WER =', 9, '%')\n"
    spec = script(tmp_path, code, TWO_LINES)
    with closing(script_run(spec, tmp_path / "run")) as run:
        assert values(run, "val/wer") == [9, 9] and run.ended_by == "patience"


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *a: print('SIGTERM came', flush=True))
child = 'import os, time; open(r"{0}/daemon", "w").write(str(os.getpid())); time.sleep(60)'
subprocess.Popen([sys.executable, '-c', child.format(sys.argv[2])], start_new_session=True)
while not os.path.exists(sys.argv[2] + '/daemon') or not open(sys.argv[2] + '/daemon').read():
    time.sleep(0.01)
print('epoch 1'); print('WER = 5 %')
while True:
    time.sleep(60)
"""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(seen: Any) -> bool:
    for _ in range(2000):
        if seen():
            return True
        threading.Event().wait(0.01)
    return False


def test_sigterm_then_sigkill_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """A script that hears no SIGTERM is killed, and so is what left its process group."""
    spec = script(tmp_path, STUBBORN, TWO_LINES, "  stop_seconds: 0.2\n")
    run = script_run(spec, tmp_path / "run")
    assert values(run, "val/wer", 1) == [5]
    daemon = int((tmp_path / "run" / "output" / "daemon").read_text())
    assert alive(daemon)
    run.close()
    facts = run.facts()
    assert facts["ended_with"] == "SIGKILL" and facts["processes_left_behind"] == 1
    assert "SIGTERM came" in (tmp_path / "run" / "output.log").read_text()
    assert not alive(daemon)


def test_a_worker_that_is_killed_takes_the_script_along(tmp_path: Path) -> None:
    """Else it would go on with the GPU that the next trial is given."""
    script(tmp_path, STUBBORN, TWO_LINES, "  stop_seconds: 0.2\n")
    code = (
        "import signal; from pathlib import Path; from foreign_scripts import script_run\n"
        "from slr_tune.space import load_spec\n"
        f"run = script_run(load_spec(Path('{tmp_path}/s.yaml')), Path('{tmp_path}/run'))\n"
        "run.run_epoch(); signal.pause()\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", code])
    mark = tmp_path / "run" / "output" / "daemon"
    assert wait_for(lambda: mark.exists() and mark.read_text())
    daemon = int(mark.read_text())
    worker.kill()
    worker.wait()
    assert wait_for(lambda: not alive(daemon))


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    """Told with its name, as the file said it before the search."""
    spec = script(tmp_path, "", TWO_LINES, "  working_folder: '{folder}/nowhere'\n")
    with closing(script_run(spec, tmp_path / "run")) as run:
        with pytest.raises(ConfigError, match="there is no folder .*nowhere"):
            run.run_epoch()


def test_predictions_are_read_when_it_has_ended(tmp_path: Path) -> None:
    """Before, the file may be another epoch's, or half of one."""
    spec = script_spec(tmp_path, "click")
    with closing(script_run(spec, tmp_path / "run")) as run:
        values(run, "val/wer")
        output = run.predictions()
    assert output is not None and len(output) == 30
    assert output[3].id == "dev_003" and len(output[3].reference) == 5 and output[3].signer == "3"
