"""The house rules hold for the whole checkout, and the checker itself can fail."""

from __future__ import annotations

from pathlib import Path

from tests import tidy


def test_every_file_keeps_the_house_rules() -> None:
    """No file or function is too long, no forbidden word is in the repository, no test sleeps for a fixed time."""
    assert tidy.violations() == []


def test_a_function_that_is_too_long_is_named() -> None:
    """The checker names file, line and length of a function over the limit."""
    text = "def tower() -> None:\n" + "    print()\n" * tidy.FUNCTION_LINES_MAX
    assert list(tidy._sizes(Path("daemon/x.py"), text)) == ["daemon/x.py:1 tower has 61 lines, more than 60"]


def test_a_fixed_sleep_in_a_test_is_found_and_a_polling_one_is_not() -> None:
    """Sleeping inside a loop that looks at something is waiting; outside of one it is guessing."""
    guess = "import time\ndef test_x():\n    time.sleep(1)\n"
    poll = "import time\ndef test_x():\n    while not ready():\n        time.sleep(0.01)\n"
    assert len(list(tidy._fixed_sleeps(Path("tests/test_x.py"), guess))) == 1
    assert list(tidy._fixed_sleeps(Path("tests/test_x.py"), poll)) == []


def test_the_lock_lists_pin_by_hash_and_name_no_host() -> None:
    """Every requirement of every lock list has a hash, and none of the lists says where to fetch from."""
    locks = sorted(tidy.ROOT.glob("*.lock"))
    assert [lock.name for lock in locks] == [
        "requirements-build.lock",
        "requirements-dev.lock",
        "requirements-mlflow.lock",
        "requirements.lock",
    ]
    for lock in locks:
        text = lock.read_text()
        requirements = [entry for entry in text.replace("\\\n", " ").splitlines() if "==" in entry]
        assert requirements, lock.name
        assert all("--hash=sha256:" in entry for entry in requirements), lock.name
        assert "://" not in text, lock.name
