"""The HTML report in a real browser: it is drawn, and it asks nobody on the network for anything."""

from __future__ import annotations

import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rolloutd.ctl import report_html
from tests.programs import needs
from tests.server.reports import a_report

pytestmark = pytest.mark.real
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--hide-scrollbars",
)  # fmt: skip
ITS_OWN = ("google.com", "googleapis.com", "gvt1.com")
"""Where the browser asks for its own sake, on any page; here it only gets as far as our proxy."""
OUTSIDE = "http://outside.example/picture.png"


@contextmanager
def proxy() -> Iterator[tuple[int, list[str]]]:
    """A proxy that answers nobody and keeps the first line of every request."""
    asked: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        """Keeps."""

        def handle(self) -> None:
            """One request."""
            asked.append(self.rfile.readline(500).decode("latin-1").strip())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def opened(folder: Path, page: str) -> tuple[list[str], Path]:
    """What the browser asked the network for while it drew this page, and the picture of it."""
    place, picture = folder / "report.html", folder / "report.png"
    place.write_text(page, encoding="utf-8")
    with proxy() as (port, asked):
        words = [f"--proxy-server=http://127.0.0.1:{port}", f"--user-data-dir={folder / 'profile'}"]
        shot = [f"--screenshot={picture}", "--window-size=1000,1600", "--virtual-time-budget=2000"]
        command = [needs("chromium"), *QUIET, *words, *shot, place.as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    return [line for line in asked if not _host(line).endswith(ITS_OWN)], picture


def _host(line: str) -> str:
    """The host of a proxy's request line."""
    target = line.split(" ")[1] if " " in line else line
    return (urlsplit(target).hostname if "://" in target else target.partition(":")[0]) or line


def test_the_page_is_drawn_and_asks_for_nothing(tmp_path: Path) -> None:
    """No request at all; a page that has a picture from outside is noticed by the same means."""
    page = report_html.page(a_report("ranker").model_dump(mode="json", by_alias=True))
    asked, picture = opened(tmp_path, page)
    assert asked == []
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000
    asked, _ = opened(tmp_path, f'<html><body><img src="{OUTSIDE}"></body></html>')
    assert any(OUTSIDE in line for line in asked)
