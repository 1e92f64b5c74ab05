"""SQLite and file systems of a network."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from network_disk import network_disk
from toy_space import write_toy_space

from slr_tune.cli.main import run as slr_tune
from slr_tune.errors import StorageUnusable
from slr_tune.study import mounts
from slr_tune.study.mounts import mount_point
from slr_tune.study.storage import open_storage

TABLE = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 27 0:44 / /home rw,relatime shared:5 - nfs4 server:/home rw,vers=4.2,addr=10.0.0.1
41 27 0:45 /a /my\\040data rw - lustre 10.0.0.2@tcp:/scratch rw,flock
42 40 8:1 / /home/me/disk rw - xfs /dev/sda1 rw
43 27 0:46 / /mnt/box rw - fuse.sshfs me@server: rw
44 27 0:47 / /mnt/layers rw - fuse.fuse-overlayfs overlay rw
45 27 0:48 / /twice rw - ext4 /dev/sdb rw
46 45 0:49 / /twice rw - beegfs beegfs_nodev rw
"""


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mountinfo"
    path.write_text(TABLE)
    monkeypatch.setattr(mounts, "MOUNTS", path)
    return path


@pytest.mark.parametrize(
    ("path", "kind", "network"),
    [
        ("/var/tmp/a.db", "ext4", False),
        ("/home/me/studies/a.db", "nfs4", True),
        ("/home2/a.db", "ext4", False),
        ("/my data/not/there/yet.db", "lustre", True),
        ("/home/me/disk/a.db", "xfs", False),
        ("/mnt/box", "fuse.sshfs", True),
        ("/mnt/layers/a", "fuse.fuse-overlayfs", False),
        ("/twice/a.db", "beegfs", True),
    ],
)
def test_the_nearest_mount_says_where_a_path_lies(
    table: Path, path: str, kind: str, network: bool
) -> None:
    found = mount_point(Path(path))
    assert found is not None
    assert (found.kind, found.is_network) == (kind, network)


def test_links_are_followed(table: Path, tmp_path: Path) -> None:
    """A home directory is often a link."""
    (tmp_path / "link").symlink_to("/home/me")
    found = mount_point(tmp_path / "link" / "studies")
    assert found is not None and found.kind == "nfs4"


def test_without_a_table_nothing_is_refused(tmp_path: Path) -> None:
    assert mount_point(tmp_path, tmp_path / "none") is None


def test_what_lies_there_already_is_read_without_wal(
    table: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A study that was made there can be looked at, and moved."""
    row = f"50 27 0:50 / {database.parent} rw - nfs4 server:/a rw\n"
    table.write_text(TABLE + row)
    with open_storage().engine.connect() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "delete"
    with sqlite3.connect(database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with pytest.raises(StorageUnusable, match="is on nfs4"):
        open_storage(create=True)


def test_a_search_is_refused_on_a_real_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernel's own table, a file system of its own type; nothing is written there."""
    space = write_toy_space(tmp_path)
    with network_disk(tmp_path / "shared") as folder:
        monkeypatch.setenv("SLR_TUNE_STUDIES", str(folder / "studies"))
        assert slr_tune(["run", str(space), "--no-verify"]) == 2
    message = capsys.readouterr().err
    assert f"is on fuse.sshfs, mounted at {folder}" in message
    assert "--storage postgresql://" in message and "sqlite:////" in message
    assert "Traceback" not in message
