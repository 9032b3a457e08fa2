"""The mutation tool notices what tests notice and nothing else: which changes it makes, and that one can survive."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.mutation import __main__ as command
from bench.mutation.marking import MARK, marked
from bench.mutation.operators import mutants
from bench.mutation.reimport import Changed
from bench.mutation.running import KILLED, SURVIVED, TIMED_OUT, changed_code, in_child, living, swap
from bench.mutation.targets import ROOT, TARGETS, equivalent

SOURCE = '''"""A sentence about it."""
LIMIT = 3
WORDS = ("a", "a text with spaces")

def above(x: int, most: int = LIMIT) -> bool:
    """Whether it is."""
    assert most >= 0
    return x > most and not x == 9
'''


def test_each_change_is_small_and_text_types_and_asserts_stay() -> None:
    """Limits move by one, comparisons turn, parts go; a docstring, an annotation and a sentence are not touched."""
    names = [one.name for one in mutants("m.py", SOURCE)]
    assert "module: 3 -> 4" in names
    assert "above: x > most -> x >= most" in names
    assert "above: x > most and (not x == 9) -> x > most" in names
    assert "above: not x == 9 -> x == 9" in names
    assert not any(word in name for name in names for word in ("sentence", "spaces?", "int", "most >= 0"))
    assert len(names) == len(set(names))
    assert mutants("m.py", "Rows = tuple[int, ...]") == []


def test_a_mutant_is_the_module_with_one_change() -> None:
    """The default of a function is made where the function is, so that change counts only from an import on."""
    (one,) = [one for one in mutants("m.py", SOURCE) if one.name == "above: x > most -> x >= most"]
    space: dict[str, object] = {}
    exec(compile(one.tree(SOURCE), "m.py", "exec"), space)
    assert space["above"](3)  # type: ignore[operator]
    assert one.function == "above"
    assert {one.function for one in mutants("m.py", SOURCE) if one.before == "3"} == {""}
    called = mutants("m.py", "def f():\n    return max(1, g(2))\n")
    assert {one.function for one in called} == {"f"}
    early = mutants("m.py", "def f():\n    return [1]\n\nTABLE = {'a': f()}\n")
    assert {one.function for one in early} == {""}


def test_a_living_function_gets_the_changed_code() -> None:
    """Everybody who holds it already has the change too."""
    space: dict[str, object] = {}
    exec(compile(SOURCE, "here.py", "exec"), space)
    held = space["above"]
    (one,) = [one for one in mutants("m.py", SOURCE) if one.name == "above: x > most -> x <= most"]
    assert swap(living("here.py"), "above", compile(one.tree(SOURCE), "here.py", "exec")) == 1
    assert held(1)  # type: ignore[operator]
    assert not held(5)  # type: ignore[operator]


def test_a_change_that_drops_what_a_function_closes_over_can_be_put_in_too() -> None:
    """``super()`` closes over its class; without that call the code would not fit the living function."""
    source = (
        "class A(Exception):\n    def __init__(self) -> None:\n        super().__init__('so')\n        self.n = 1\n"
    )
    space: dict[str, type[Exception]] = {}
    exec(compile(source, "there.py", "exec"), space)
    (one,) = [one for one in mutants("m.py", source) if one.line == 3 and one.after == "nothing"]
    assert swap(living("there.py"), one.function, changed_code(one, source, "there.py")) == 1
    assert str(space["A"]()) == ""


def test_marked_functions_say_which_statements_they_come_to() -> None:
    """On the lines that the statements have, and doing what they did."""
    source = "def f(x):\n    if x:\n        return 1\n    elif x is None:\n        return 2\n    return 3\n"
    came: list[int] = []
    space: dict[str, object] = {MARK: came.append}
    exec(compile(marked(source), "m.py", "exec"), space)
    found = [space["f"](x) for x in (1, None, 0)]  # type: ignore[operator]
    assert found == [1, 2, 3]
    assert came == [2, 3, 2, 4, 5, 2, 4, 6]


def test_a_child_says_whether_the_mutant_lived() -> None:
    """Killed, survived, or never came to an end."""

    def for_ever() -> bool:
        while True:
            pass

    assert in_child(lambda: True, 60) == KILLED
    assert in_child(lambda: False, 60) == SURVIVED
    assert in_child(for_ever, 0.2) == TIMED_OUT


def test_a_changed_module_is_found_by_its_name_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its import runs the changed text; the file on the disk is what it was."""
    (tmp_path / "mutated_here.py").write_text("LIMIT = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "meta_path", [Changed("mutated_here", compile("LIMIT = 4", "x", "exec")), *sys.meta_path])
    import mutated_here  # type: ignore[import-not-found]

    assert mutated_here.LIMIT == 4
    assert (tmp_path / "mutated_here.py").read_text() == "LIMIT = 3\n"


def test_every_target_and_its_tests_exist_and_each_equivalent_one_is_a_mutant_with_a_reason() -> None:
    """No module can be called tested by tests that are not there, or excused from one that cannot be made."""
    same = equivalent()
    assert set(same) <= set(TARGETS)
    for module, target in TARGETS.items():
        assert all((ROOT / test).exists() for test in (*target.own, *target.more))
        names = {one.name for one in mutants(module, (ROOT / module).read_text())}
        assert set(same.get(module, {})) <= names
        assert all(len(reason) > 20 for reason in same.get(module, {}).values())


def test_again_goes_by_what_survived_of_a_module_that_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was killed in another text says nothing of this one; neither does what was never kept."""
    kept = tmp_path / "mutation.json"
    monkeypatch.setattr(command, "KEPT", kept)
    found = {"1/1": {"commit": "HEAD", "survivors": ["3 above: x > most -> x >= most (survived)"]}}
    kept.write_text(json.dumps({"LICENSE": found, "README.md": {"1/1": {**found["1/1"], "commit": "0000000"}}}))
    assert command.lived("LICENSE", "1/1") == {"3 above: x > most -> x >= most"}
    for module, part in (("README.md", "1/1"), ("LICENSE", "1/2"), ("pyproject.toml", "1/1")):
        with pytest.raises(RuntimeError, match="try them all"):
            command.lived(module, part)


def test_the_command_refuses_a_module_that_is_no_target() -> None:
    """With a sentence, not with a green result."""
    asked = [sys.executable, "-m", "bench.mutation", "no_such.py"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "Nothing was done" in done.stderr
