"""What the tests of pages share: one browser for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser import Browser, start_browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless chromium."""
    with start_browser() as started:
        yield started
