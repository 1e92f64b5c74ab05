"""A real mount whose type is that of a network file system: FUSE, served by a thread of ours.

It is an empty folder that nothing can be written to, which is enough to ask where a path lies.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_HEADER = struct.Struct("<IIQQIIII")
_ANSWER = struct.Struct("<IiQ")
_LOOKUP, _FORGET, _GETATTR, _STATFS, _INIT, _ACCESS, _BATCH_FORGET = 1, 2, 3, 17, 26, 34, 42
_BIGGEST_REQUEST = 1 << 18


@contextmanager
def network_disk(folder: Path, *, kind: str = "sshfs") -> Iterator[Path]:
    """Mounts one for a test, which is skipped where this user may not.

    Args:
        folder: Where; it is made.
        kind: What it says it is: the mount is of type `fuse.KIND`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if os.geteuid() != 0 or not Path("/dev/fuse").exists():
        pytest.skip("a FUSE file system can only be mounted by root")
    device = os.open("/dev/fuse", os.O_RDWR)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0"
    libc = ctypes.CDLL(None, use_errno=True)
    words = [word.encode() for word in ("here", str(folder), f"fuse.{kind}", options)]
    if libc.mount(words[0], words[1], words[2], 0, words[3]) != 0:
        os.close(device)
        pytest.skip(f"FUSE cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    server = threading.Thread(target=_serve, args=(device,), daemon=True)
    server.start()
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        server.join(timeout=10)
        os.close(device)


def _serve(device: int) -> None:
    """Answers until it is unmounted."""
    while True:
        try:
            request = os.read(device, _BIGGEST_REQUEST)
        except OSError as error:
            if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                continue
            return  # ENODEV: it is unmounted
        _, code, unique, node, *_ = _HEADER.unpack_from(request)
        if code in (_FORGET, _BATCH_FORGET):
            continue
        number, content = _answer(code, node)
        os.write(device, _ANSWER.pack(_ANSWER.size + len(content), -number, unique) + content)


def _answer(code: int, node: int) -> tuple[int, bytes]:
    """An error number and what follows the header, by linux/fuse.h."""
    if code == _INIT:
        return 0, struct.pack("<IIIIHHI", 7, 12, 1 << 17, 0, 0, 0, 4096)  # version 7.12
    if code == _GETATTR:
        mode = stat.S_IFDIR | 0o755
        attributes = struct.pack("<QQQQQQIIIIIIIIII", node, *[0] * 8, mode, 2, *[0] * 5)
        return 0, struct.pack("<QII", 1, 0, 0) + attributes
    if code == _ACCESS:
        return 0, b""
    if code == _STATFS:
        return 0, struct.pack("<QQQQQIIII", 0, 0, 0, 0, 0, 4096, 255, 4096, 0) + bytes(24)
    return (errno.ENOENT if code == _LOOKUP else errno.ENOSYS), b""
