"""The man page is the command line's own, and a real shell completes what the daemon has."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from rolloutd.ctl.cli import MODULE_OF
from rolloutd.ctl.exits import MEANINGS
from rolloutd.ctl.manual import page
from rolloutd.ctl.session import COMPLETION_S
from rolloutd.verbs import VERBS
from tests.ctl.running import SCRIPT, finished, rollout, spawn
from tests.server.running import Running

PAGE = Path(__file__).parents[2] / "docs" / "rollout.1"


def test_the_page_is_the_command_lines_own() -> None:
    """Drift fails here: python -m rolloutd.ctl.manual > docs/rollout.1."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_verb_and_every_exit_code_is_in_it() -> None:
    """A verb cannot be forgotten: the page is made from the table."""
    text = page()
    for verb in MODULE_OF:
        assert f".SS {verb}".replace("-", "\\-") in text
    assert {row.verb for row in VERBS if row.built} <= set(MODULE_OF)
    assert all(f".B {code}\n" in text for code in MEANINGS)


@pytest.mark.skipif(shutil.which("groff") is None, reason="no groff here")
def test_groff_has_nothing_to_say_against_it() -> None:
    """With all its warnings on."""
    command = ["groff", "-man", "-ww", "-z", "-Tutf8", str(PAGE)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert said.stderr == ""


async def test_a_real_bash_completes_live_names(server: Running) -> None:
    """The script that `rollout completion bash` prints, sourced and asked."""
    ask = (
        'eval "$(rollout completion bash)"; COMP_WORDS=(rollout abort fr); COMP_CWORD=2; '
        '_rollout_completion rollout; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    environ = {"PATH": f"{SCRIPT.parent}:/usr/bin:/bin", "ROLLOUT_SOCKET_DIR": str(server.directory)}
    child = await asyncio.create_subprocess_exec(
        "bash", "-c", ask, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environ
    )
    ran = await finished(child)
    assert (ran.out, ran.err) == ("fraud-score\n", "")


async def test_completion_does_not_wait_for_a_daemon_that_hangs(tmp_path: Path) -> None:
    """Half a second, then no names; the shell is never held up and never shows an error."""

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    hanging = await asyncio.start_unix_server(say_nothing, tmp_path / "view.sock")
    async with hanging:
        begun_s = time.monotonic()
        without = await rollout(tmp_path, "completion", "bash")
        start_up_s = time.monotonic() - begun_s
        asked = {"_ROLLOUT_COMPLETE": "bash_complete", "COMP_WORDS": "rollout status ", "COMP_CWORD": "2"}
        begun_s = time.monotonic()
        ran = await finished(await spawn(tmp_path, environ=asked))
        took_s = time.monotonic() - begun_s
    assert without.code == 0
    assert (ran.out.strip(), ran.err) == ("", "")
    assert COMPLETION_S == 0.5
    assert took_s < COMPLETION_S + 4 * start_up_s + 2  # what a busy machine adds, and nothing near the client's 10 s
