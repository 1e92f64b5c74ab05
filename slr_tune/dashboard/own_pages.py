"""The dashboard's own pages: the studies at its root, and the report of each."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from optuna.storages import RDBStorage

from slr_tune.dashboard.optuna_dashboard_private import STYLE, STYLE_PATH
from slr_tune.dashboard.start_page import optuna_address, start_page
from slr_tune.report.page.html import render_html

_STUDY = re.compile(r"/studies/(\d+)/?")
_FRESH_SECONDS = 5.0

Reply = tuple[str, str, bytes]
"""Status, type or place, content."""


class OwnPages:
    """Answers for the addresses that are not Optuna Dashboard's."""

    def __init__(self, database: RDBStorage, report: Callable[[int], bytes | None]) -> None:
        """Makes no page yet.

        Args:
            database: The studies' database, opened; it is only read.
            report: Gives a study's report by its key; None for a study of another program, empty
                while the report is being made.
        """
        self._database = database
        self._report = report
        self._start: tuple[float, bytes] = (0.0, b"")
        self._lock = threading.Lock()

    def answer(self, path: str) -> Reply | None:
        """The reply to a GET; None where the address is Optuna Dashboard's."""
        if path in ("", "/"):
            return "200 OK", "text/html; charset=utf-8", self._start_page()
        if path == STYLE_PATH:
            return "200 OK", "text/css", STYLE.encode()
        found = _STUDY.fullmatch(path)
        if found is None:
            return None
        study_id = int(found[1])
        content = self._report(study_id)
        if content is None:
            return "302 Found", optuna_address(study_id), b""
        return "200 OK", "text/html; charset=utf-8", content or _WAIT

    def _start_page(self) -> bytes:
        with self._lock:
            made, content = self._start
            if not content or time.monotonic() - made > _FRESH_SECONDS:
                content = render_html(start_page(self._database)).encode("utf-8", "replace")
                self._start = time.monotonic(), content
            return content


_WAIT = (
    b'<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
    b'<meta name="viewport" content="width=device-width, initial-scale=1">'
    b'<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
    b"<title>slr-tune</title><p>The report is being made. This page loads it when it is there."
)
