"""Takes pictures of the real screen as SVG, for the pages: ``python -m tests.tui.picture docs/images``."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.tui import worlds
from tests.tui.driving import Driven, driven
from tests.tui.fake_daemon import FakeDaemon


async def _take(desk: Driven, file: Path) -> None:
    desk.app.look = replace(desk.app.look, ascii=False)
    desk.app.draw()
    await desk.pilot.pause()
    svg = desk.app.export_screenshot(title="rollout")
    # Some renderers drop blanks at the ends of a text, and ligatures would draw other characters than the screen has.
    svg = svg.replace("<text ", '<text xml:space="preserve" ')
    svg = svg.replace("<style>", "<style>text { font-variant-ligatures: none }")
    # A picture fetches nothing: whoever has no Fira Code sees his own monospace.
    svg = re.sub(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", "", svg, flags=re.DOTALL)
    file.write_text(svg)


async def take(folder: Path) -> None:
    """The fleet, one rollout with harm, its charts, its past, the question before going up, and no contact."""
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="roll-") as place:
        daemon = FakeDaemon(Path(place))
        await daemon.start()
        async with driven(daemon, (120, 30)) as desk:
            await desk.sees("ranker")
            await _take(desk, folder / "fleet.svg")
            daemon.statuses["ranker"] = worlds.status(gates=[worlds.LATENCY, worlds.ERRORS, worlds.BLIND, worlds.CTR])
            await desk.open_ranker()
            await _take(desk, folder / "rollout.svg")
            await desk.keys("m")
            await _take(desk, folder / "promote.svg")
            await desk.keys("escape", "2", "t")
            await desk.until(lambda: len(desk.app.archive.papers.series) == 4)
            await _take(desk, folder / "charts.svg")
            await desk.keys("4")
            await desk.sees("claimed this")
            await desk.keys("[")
            await desk.sees("at this moment")
            await _take(desk, folder / "replay.svg")
            await desk.keys("escape", "1")
            desk.clock.forward(14.0)
            daemon.deaf = True
            await desk.sees("LOST")
            await _take(desk, folder / "lost.svg")
        await daemon.stop()


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1])))
