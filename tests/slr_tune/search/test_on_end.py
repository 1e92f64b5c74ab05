"""`--on-end`: a real command and a real web server get what the search found."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from generated_study import generate_study

from slr_tune.api.running import run_options, search
from slr_tune.errors import SlrTuneError
from slr_tune.search.on_end import announce_end, check_on_end, end_fields
from slr_tune.search.progress import Progress
from slr_tune.space import load_spec
from slr_tune.study.view import load_study


@pytest.fixture
def fields(database: Path) -> dict[str, str]:
    generate_study(3, name="three", curves=False)
    return end_fields("three", "done", load_study("three"), None)


@pytest.fixture
def server() -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Its address, and what it was sent."""
    got: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            got.append((self.path, json.loads(self.rfile.read(length))))
            self.send_response(500 if "broken" in self.path else 204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    found = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=found.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{found.server_port}", got
    found.shutdown()
    found.server_close()


def test_a_command_gets_words_not_a_shell(tmp_path: Path, fields: dict[str, str]) -> None:
    # A name with a quotation mark or a semicolon must not become a command.
    path, nasty = tmp_path / "told", "a b'; touch bad; $(touch worse)"
    write = "import sys; open(sys.argv[1], 'w').write('|'.join(sys.argv[2:]))"
    template = f'python3 -c "{write}" {path} {{study}} {{best}} {{error}} {{status}}'
    announce_end(template, fields | {"error": nasty}, pytest.fail)
    best = load_study("three").best()
    assert best is not None
    assert path.read_text() == f"three|{best.values[0]:.2f}|{nasty}|done"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name in ("bad", "worse")) == []


def test_a_web_hook_gets_json(
    fields: dict[str, str], server: tuple[str, list[tuple[str, Any]]]
) -> None:
    address, got = server
    announce_end(f"{address}/hook?study={{study}}&to={{folder}}", fields, pytest.fail)
    path, content = got[0]
    assert path.startswith("/hook?study=three&to=%2F")
    assert content["status"] == "done" and content["trials"] == "3"
    assert content["text"] == f"three: done, best val/wer {content['best']}"
    output: list[str] = []
    announce_end(f"{address}/broken", fields, output.append)
    announce_end("http://127.0.0.1:1/nobody", fields, output.append)
    announce_end("there-is-no-such-program {study}", fields, output.append)
    announce_end("false", fields, output.append)
    assert len(output) == 4 and all(line.startswith("--on-end failed: ") for line in output)


@pytest.mark.parametrize("wrong", ["", "echo {bset}", "echo 'open", "echo {", "echo {0}"])
def test_what_could_not_be_filled_in_is_refused_first(wrong: str) -> None:
    # Not after a night.
    with pytest.raises(SlrTuneError, match="--on-end"):
        check_on_end(wrong)
    check_on_end("notify-send {study} {best} '{{}}'")


def test_a_search_that_fails_is_reported(
    tmp_path: Path, studies: Path, server: tuple[str, list[tuple[str, Any]]]
) -> None:
    address, got = server
    path = tmp_path / "space.yaml"
    path.write_text(
        "study: gone\ntrainable: toy_runs:ToyRun\nbudget: {trials: 1, max_epochs: 2}\n"
        "space: {level: {float: [0.0, 1.0]}}\n"
    )

    def refuse(spec: object, storage: str | None) -> str:
        raise SlrTuneError("no room")

    from dataclasses import replace

    options = run_options(verify=False, address=None, storage=None)
    with pytest.raises(SlrTuneError, match="no room"), Progress() as progress:
        search(load_spec(path), replace(options, check=refuse), progress, on_end=address)
    assert got[0][1]["status"] == "failed" and got[0][1]["error"] == "no room"
    assert got[0][1]["best"] == ""
