"""On what kind of disk a path is: SQLite's locks and its log do not work over a network."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
"""Where Linux lists what is mounted; see proc_pid_mountinfo(5)."""

NETWORK_TYPES = frozenset(
    "9p acfs afs auristorfs beegfs beegfs_nodev ceph cifs coda gfs2 glusterfs gpfs lustre mmfs "
    "ncpfs nfs nfs4 ocfs2 orangefs panfs pvfs2 quobyte smb3 smbfs wekafs".split()
)
"""File systems that several machines write to at a time."""

NETWORK_FUSE = frozenset(
    "alluxio-fuse beegfs blobfuse blobfuse2 ceph ceph-fuse curlftpfs dfs gcsfuse geesefs "
    "glusterfs goofys hdfs httpdirfs juicefs moosefs mfs mount-s3 ossfs quobyte rclone s3fs "
    "seaweedfs smbnetfs sshfs weed xtreemfs".split()
)
"""The same among those that a process of a user's serves: `fuse.NAME`."""


@dataclass(frozen=True)
class MountPoint:
    """Where a file system is mounted.

    Attributes:
        folder: The folder.
        kind: Its type, as `mount` shows it: `ext4`, `nfs4`, `fuse.sshfs`.
    """

    folder: str
    kind: str

    @property
    def is_network(self) -> bool:
        """Whether other machines may write to it."""
        of_user = self.kind.startswith("fuse.") and self.kind[5:].lower() in NETWORK_FUSE
        return of_user or self.kind in NETWORK_TYPES


def mount_point(path: Path, mounts: Path | None = None) -> MountPoint | None:
    """The file system of a path, which need not be there yet; None where it is not known.

    Args:
        path: A file or folder; links are followed.
        mounts: A table as `MOUNTS`, which is the default.
    """
    try:
        lines = (mounts or MOUNTS).read_text(errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return None
    place = os.path.realpath(path)
    found: MountPoint | None = None
    for line in lines:
        fields, _, kind = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < _LEAST_FIELDS or not kind:
            continue
        folder = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), words[4])
        above = place == folder or place.startswith(folder.rstrip("/") + "/")
        # Of two at one folder the later one hides the earlier.
        if above and (found is None or len(folder) >= len(found.folder)):
            found = MountPoint(folder, kind.split(" ")[0])
    return found


def network_mount(path: Path) -> MountPoint | None:
    """The file system of a path where it is one of a network; None elsewhere."""
    found = mount_point(path)
    return found if found is not None and found.is_network else None


_LEAST_FIELDS = 6
