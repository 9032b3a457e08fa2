"""The page about analyze tells the truth: its example answers as printed, and every key stands on it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rolloutd.core.analysis import KINDS, outlook

PAGE = (Path(__file__).parents[2] / "docs" / "analyze.md").read_text()
SCRIPT = Path(sys.executable).with_name("rollout")


def test_the_example_answers_as_printed() -> None:
    """Through the real command, to six digits."""
    question = re.findall(r"<<'JSON'\n(.*?)JSON\n", PAGE, re.DOTALL)[0]
    printed = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])
    ran = subprocess.run(
        [SCRIPT, "analyze", "-"], input=question, capture_output=True, text=True, timeout=60, check=True
    )
    found = json.loads(ran.stdout)
    assert found.keys() == printed.keys()
    for key, value in printed.items():
        assert found[key] == (pytest.approx(value, rel=1e-6) if isinstance(value, float | list) else value), key


def test_the_page_has_every_kind_and_key() -> None:
    """What can be asked stands on the page."""
    for kind, (keys, _) in KINDS.items():
        assert f"`{kind}`" in PAGE
        for key in keys:
            assert f"`{key}`" in PAGE or f'"{key}"' in PAGE, key
    for key in outlook.KEYS:
        assert f"`{key}`" in PAGE or f'"{key}"' in PAGE, key
