"""A folder with a second place: what is sent, in which order, and what is brought back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trainables.files.curve import CurveFile
from trainables.files.remote import RemoteError, RemoteFolder, RemoteUnusable, check_url, join_url
from trainables.files.uploads import Uploads, make_room

ROWS = [{"epoch": epoch, "seconds": 1.0, "val/wer": 50.0 / epoch} for epoch in (1, 2, 3)]


@pytest.fixture
def remote(tmp_path: Path) -> RemoteFolder:
    return RemoteFolder(f"file://{tmp_path}/far", tmp_path / "near")


def trial(remote: RemoteFolder, *, epoch: int = 1, number: int = 0) -> Path:
    """A trial's folder after an epoch."""
    folder = remote.local / "trials" / str(number)
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    for name in ("best", "latest"):
        path = folder / "checkpoints" / f"checkpoint_{name}.pt"
        path.write_bytes(f"{name} of epoch {epoch}".encode())
    if not (folder / "origin.json").exists():
        (folder / "origin.json").write_text("{}")
    (folder / ".hidden").write_text("not sent")
    CurveFile(folder / "curve.csv").repair(ROWS[:epoch])
    return folder


def far(tmp_path: Path) -> list[str]:
    """Files of the remote place."""
    place = tmp_path / "far"
    return sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())


def other_machine(tmp_path: Path, remote: RemoteFolder) -> RemoteFolder:
    return RemoteFolder(remote.url, tmp_path / "other")


def test_checkpoints_are_sent_before_the_curve(
    remote: RemoteFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    write = RemoteFolder._write

    def noted(self: RemoteFolder, name: str, content: bytes) -> int | None:
        sent.append(Path(name).name)
        return write(self, name, content)

    monkeypatch.setattr(RemoteFolder, "_write", noted)
    folder = trial(remote)
    remote.push(folder)
    order = ["origin.json", "checkpoint_best.pt", "checkpoint_latest.pt", "curve.csv"]
    assert sent == order
    assert remote.push(folder) == 0, "nothing is sent twice"
    trial(remote, epoch=2)
    remote.push(folder)
    assert sent[4:] == [name for name in order if name != "origin.json"]


def test_another_machine_gets_what_it_asks_for(tmp_path: Path, remote: RemoteFolder) -> None:
    remote.push(trial(remote))
    other = other_machine(tmp_path, remote)
    folder = other.local / "trials" / "0"
    assert other.epochs(folder) == 1
    assert other.pull(folder, lambda name: not name.endswith(".pt")) == 2
    assert not (folder / "checkpoints").exists()
    assert folder.stat().st_mode & 0o77 == 0
    best = folder / "checkpoints" / "checkpoint_best.pt"
    assert other.fetch(best) and best.read_bytes() == b"best of epoch 1"
    # What changed there alone is brought again, what changed here too is left alone.
    remote.push(trial(remote, epoch=2))
    assert other.fetch(best) and best.read_bytes() == b"best of epoch 2"
    best.write_bytes(b"trained here")
    remote.push(trial(remote, epoch=3))
    assert other.fetch(best) and best.read_bytes() == b"trained here"
    assert other.left(folder) == [best]
    assert not other.fetch(folder / "checkpoints" / "none.pt")


def test_a_driver_keeps_the_curve_that_is_ahead(remote: RemoteFolder) -> None:
    """Who reads a running study on the driver's machine takes nothing back."""
    folder = trial(remote, epoch=2)
    remote.push(folder, (folder / "curve.csv").read_bytes())
    assert remote.left(folder) == []
    CurveFile(folder / "curve.csv").append(ROWS[2])
    remote.pull(remote.local, lambda name: True)
    assert len(CurveFile(folder / "curve.csv").rows()) == 3
    assert remote.left(folder) == [folder / "curve.csv"]


def test_a_machine_that_was_left_behind_sends_nothing(tmp_path: Path, remote: RemoteFolder) -> None:
    """Its network was away while another went on with the trial."""
    folder = trial(remote)
    remote.push(folder)
    trial(remote, epoch=2)
    other = other_machine(tmp_path, remote)
    other.push(trial(other, epoch=3))
    assert remote.push(folder, b"epoch\n1\n2\n") == 0
    assert remote.epochs(folder) == 3
    best = "trials/0/checkpoints/checkpoint_best.pt"
    assert (tmp_path / "far" / best).read_bytes() == b"best of epoch 3"
    # What a killed process has sent and not noted is its own.
    (folder / "checkpoints" / "checkpoint_best.pt").write_bytes(b"best of epoch 3")
    (folder / "checkpoints" / "checkpoint_latest.pt").write_bytes(b"latest of epoch 3")
    for path in folder.glob("checkpoints/*.pt"):
        os.utime(path, ns=(7, 7))
    (folder / ".remote.json").unlink()
    assert remote.push(folder, b"epoch\n1\n2\n3\n4\n") == 2  # origin and curve
    assert remote.epochs(folder) == 4


_KILLED = """
import os, signal, sys
from pathlib import Path
from trainables.files.remote import RemoteFolder

remote = RemoteFolder(sys.argv[1], Path(sys.argv[2]))
system, _ = remote._opened

class Dying:
    type_name = system.type_name
    def __getattr__(self, name):
        return getattr(system, name)
    def open_output_stream(self, place):
        stream = system.open_output_stream(place)
        if "latest" in place:
            stream.write(b"half")
            stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        return stream

remote.__dict__["_opened"] = (Dying(), remote._opened[1])
remote.push(Path(sys.argv[3]))
"""


def test_a_killed_sender_leaves_no_half_file(tmp_path: Path, remote: RemoteFolder) -> None:
    remote.push(trial(remote))
    folder = trial(remote, epoch=2)
    command = [sys.executable, "-c", _KILLED, remote.url, str(remote.local), str(folder)]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    found = {name: (tmp_path / "far" / name).read_bytes() for name in far(tmp_path)}
    checkpoints = "trials/0/checkpoints"
    assert found[f"{checkpoints}/checkpoint_best.pt"] == b"best of epoch 2"
    assert found[f"{checkpoints}/checkpoint_latest.pt"] == b"latest of epoch 1"
    assert remote.epochs(folder) == 1, "the curve is not ahead"
    other = other_machine(tmp_path, remote)
    other.pull(other.local, lambda name: True)
    assert not [path for path in other.local.rglob("*partial*")]
    assert remote.push(folder) == 2
    assert remote.epochs(folder) == 2


def test_uploads_wait_for_a_place_that_does_not_answer(
    tmp_path: Path, remote: RemoteFolder
) -> None:
    """A file stands where the folder has to be; then it goes."""
    (tmp_path / "far").write_text("in the way")
    uploads = Uploads(remote)
    folder = trial(remote, epoch=2)
    uploads.changed(folder, ROWS[:1])
    assert not uploads.flush(0.3)
    assert uploads.notice is not None and "does not accept files" in uploads.notice
    (tmp_path / "far").unlink()
    uploads.changed(folder, ROWS[:2])
    assert uploads.flush(10)
    assert remote.epochs(folder) == 2


def test_room_is_made_by_what_was_sent(remote: RemoteFolder) -> None:
    folders = [trial(remote, number=number, epoch=number + 1) for number in range(3)]
    for folder in folders[:2]:
        remote.push(folder)
    assert make_room(remote, 50, busy=folders[1]) == 32
    left = [sorted(path.name for path in one.rglob("*.pt")) for one in folders]
    assert left[0] == []
    assert len(left[1]) == len(left[2]) == 2, "one is busy, the other is not sent"


def test_names_cannot_leave_the_folder(tmp_path: Path, remote: RemoteFolder) -> None:
    """What a bucket lists may have been put there by anybody."""
    remote.push(trial(remote))
    listed: Any = RemoteFolder._listed
    folder = other_machine(tmp_path, remote)

    class Foreign(RemoteFolder):
        def _listed(self, folder: Path) -> Any:
            return [("../../escaped", info) for _, info in listed(self, folder)]

    foreign = Foreign(folder.url, folder.local)
    assert foreign.pull(foreign.local / "trials" / "0", lambda name: True) == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://key:secret@bucket/a", "key or a password"),
        ("s3://bucket/a?secret_key=abc", "key or a password"),
        ("/a/folder", "is not a URL"),
        ("bucket/a", "is not a URL"),
    ],
)
def test_urls_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        check_url(url)
    assert "secret@" not in str(caught.value)


def test_a_place_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RemoteUnusable, match="is not a place for files"):
        RemoteFolder("nowhere://a/b", tmp_path).check()
    (tmp_path / "file").write_text("")
    with pytest.raises(RemoteError, match="cannot be read or written"):
        RemoteFolder(f"file://{tmp_path}/file/b", tmp_path).check()


def test_options_of_a_url_stay_at_its_end() -> None:
    assert check_url("s3://a/b/?region=c") == "s3://a/b?region=c"
    assert join_url("s3://a/b?region=c", "d") == "s3://a/b/d?region=c"
