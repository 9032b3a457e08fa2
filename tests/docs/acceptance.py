"""Writes docs/acceptance.md from what tests and benches said: ``python -m tests.docs.acceptance [run|read ...]``.

``run [TEST ...]`` runs all tests of the table, or those named; ``read REPORT [COMMIT]`` takes them from the report of a
whole run at that commit, else at this one (pytest's ``--junitxml``, ``-o junit_family=xunit1``). What came of them is
kept in docs/acceptance.json. Figures of benches are those that the benches keep. Nothing is written by hand, and what
was not measured says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from tests.docs.acceptance_rows import GOALS, Goal

ROOT = Path(__file__).parents[2]
PAGE, KEPT, BENCHES = ROOT / "docs" / "acceptance.md", ROOT / "docs" / "acceptance.json", ROOT / "bench" / "results"
Kept = dict[str, Any]
HEAD = """# Acceptance

What must hold before a version ships, the goal, what was measured, and the command that measures it. This page is made
by `python -m tests.docs.acceptance` from what the tests (`python -m tests.docs.acceptance run`) and the benches said.
No figure in it is written by hand. A bench's figure names the commit that it was taken at.

| # | what | goal | measured | command |
|---|---|---|---|---|
"""


def selected() -> list[str]:
    """Every test that the table names, once."""
    return list(dict.fromkeys(test for goal in GOALS for test in goal.tests))


def run_tests(names: list[str]) -> Kept:
    """Run these and say for each how many passed, were skipped or did not hold, at which commit, with own figures."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-o", "junit_family=xunit1", f"--junitxml={report}"]
        subprocess.run([*command, *apart(names)], cwd=ROOT, check=False)
        return read_report(report, names)


def apart(names: list[str]) -> list[str]:
    """These without what others of them contain: pytest runs a test twice, or a file in part, where both stand."""

    def contained(name: str) -> bool:
        return any(name.startswith((f"{other}::", f"{other}/")) for other in names)

    return [name for name in names if not contained(name)]


def read_report(report: Path, names: list[str], commit: str = "") -> Kept:
    """What pytest's report says of each of these; those that were not in the run are left out."""
    cases = list(ET.parse(report).iter("testcase"))  # a report of our own pytest
    counted = {name: {**_counted(name, cases), "commit": commit or _commit()} for name in names}
    return {name: one for name, one in counted.items() if one["passed"] + one["skipped"] + one["failed"]}


def read(words: list[str], names: list[str]) -> Kept:
    """What the report that is named first says of these; it is of the commit named second, else of this one."""
    return read_report(Path(words[0]), names, *words[1:2])


def _commit() -> str:
    """The last commit that others have too, with a + for what stood here on top of it."""

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip()

    shared = git("merge-base", "HEAD", "origin/main") or git("rev-parse", "HEAD")
    more = git("diff", "--stat", shared, "--", "daemon", "adapters", "tui", "tests")
    return shared[:7] + ("+" if more else "")


def _counted(name: str, cases: list[ET.Element]) -> Kept:
    file, _, function = name.partition("::")
    place = file.removesuffix(".py").replace("/", ".")
    mine = [case for case in cases if _is_of(case, place, function)]
    bad = sum(case.find("failure") is not None or case.find("error") is not None for case in mine)
    skipped = sum(case.find("skipped") is not None for case in mine)
    said = [
        str(found.get("value")) for case in mine for found in case.iter("property") if found.get("name") == "figure"
    ]
    return {"passed": len(mine) - bad - skipped, "skipped": skipped, "failed": bad, "figures": said}


def _is_of(case: ET.Element, place: str, function: str) -> bool:
    where, name = str(case.get("classname")), str(case.get("name")).partition("[")[0]
    return (where == place or where.startswith(f"{place}.")) and function in ("", name)


def page(kept: Kept) -> str:
    """The whole page."""
    return HEAD + "".join(_row(goal, kept) for goal in GOALS)


def _row(goal: Goal, kept: Kept) -> str:
    measured = [*_of_tests(goal, kept), *(line for bench in goal.benches for line in _of_bench(*bench))]
    measured += [f"open: {goal.still_open}"] if goal.still_open else []
    tests = [f"`./dev test {' '.join(goal.tests)}`"] if goal.tests else []
    commands = [*tests, *(f"`./dev bench {name}`" for name in dict.fromkeys(name for name, _ in goal.benches))]
    cells = (str(goal.number), goal.what, goal.limit, "<br>".join(dict.fromkeys(measured)), "<br>".join(commands))
    return f"| {' | '.join(cells)} |\n"


def _of_tests(goal: Goal, kept: Kept) -> list[str]:
    found: list[Kept] = [kept[name] for name in goal.tests if name in kept]
    if not goal.tests:
        return []
    if len(found) < len(goal.tests) or not all(one["passed"] + one["skipped"] + one["failed"] for one in found):
        return ["tests not run yet"]
    passed, skipped, failed = (sum(one[key] for one in found) for key in ("passed", "skipped", "failed"))
    counts = [f"{passed} tests pass", f"{skipped} skipped" if skipped else "", f"**{failed} do not**" if failed else ""]
    commits = ", ".join(dict.fromkeys(one["commit"] for one in found))
    said = f"{', '.join(filter(None, counts))} (commit {commits})"
    return [said, *(figure for one in found for figure in one["figures"])]


def _of_bench(name: str, begins: str) -> list[str]:
    file = BENCHES / f"{name}.json"
    if not file.exists():
        return [f"not measured yet (bench {name})"]
    kept = json.loads(file.read_text(encoding="utf-8"))
    rows = [row for row in kept["rows"] if row["name"].startswith(begins) and (begins or row["ok"] is not None)]
    lines = [figure(row) for row in rows if row["ok"] is not None or row["value"] is not None]
    return [*lines, f"(commit {kept['commit'].split()[0]})"] if lines else [f"not measured yet (bench {name})"]


def figure(row: Kept) -> str:
    """One row of a bench as a line."""
    value = "no figure" if row["value"] is None else f"{row['value']:.4g} {row['unit']}".strip()
    verdict = {None: "", True: f", goal {row['goal']}", False: f", **MISSED** {row['goal']}"}[row["ok"]]
    return f"{row['name']}: {value}{verdict}"


def kept() -> Kept:
    """What the last run of the tests said."""
    found: Kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    return found


if __name__ == "__main__":
    words = sys.argv[1:]
    if words:
        new = read(words[1:], selected()) if words[0] == "read" else run_tests(words[1:] or selected())
        found = {**kept(), **new}
        found = {name: found[name] for name in selected() if name in found}
        KEPT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PAGE.write_text(page(kept()), encoding="utf-8")
