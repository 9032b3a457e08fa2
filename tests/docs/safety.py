"""Writes the table of goals into docs/safety.md from kept results: ``python -m tests.docs.safety [run|read|keep ...]``.

``run [TEST ...]`` runs the named tests (or all that the goals name), ``read REPORT [COMMIT]`` takes them from a
report (as tests.docs.acceptance does), and what came of them is kept in docs/safety.json;
``long TEST [COMMIT REPORT]`` does so for a run by hand that asked for more (``ROLLOUTD_KILLS`` and the like), and keeps
its figures beside those of the small version that each run of all tests gives anew.
``keep simulation COMMIT FILE...`` adds up outputs of ``./dev sim --json`` at that commit, ``keep fuzz COMMIT FILE``
takes the one of ``./dev fuzz``, ``keep badmetrics COMMIT FILE`` the table of tests.badmetrics.run, and ``keep planted
COMMIT FILE`` the last line of tests.simulation.planted_run. Nothing is written by hand; what was not measured says so.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path

from tests.docs.acceptance import ROOT, Kept, figure, read, run_tests
from tests.docs.safety_rows import GOALS, SafetyGoal

PAGE, KEPT = ROOT / "docs" / "safety.md", ROOT / "docs" / "safety.json"
RESULTS = ROOT / "bench" / "results"
BEGIN, END = "<!-- made: goals -->", "<!-- end -->"
BEGIN_PLANTED = "<!-- made: planted -->"


def selected() -> list[str]:
    """Every test that a goal names, once."""
    return list(dict.fromkeys(test for goal in GOALS for test in goal.tests))


def kept() -> Kept:
    """What runs said so far: tests by name, long runs by kind."""
    found: Kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {"tests": {}, "runs": {}}
    return found


def table(found: Kept) -> str:
    """Each goal with what was measured, by what, when, at which commit."""
    lines = ["| | what | goal | measured | command | when, at |", "|---|---|---|---|---|---|"]
    for goal in GOALS:
        measured, commands, at = _nothing()
        for lines_of in (_long(goal, found), _tests(goal, found), _benches(goal), _runs(goal, found)):
            said, by, when = lines_of
            measured, commands, at = measured + said, commands + by, at + when
        measured += [f"open: {goal.still_open}"] if goal.still_open else []
        cells = (goal.id, goal.what, goal.limit, *("<br>".join(dict.fromkeys(one)) for one in (measured, commands, at)))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


Said = tuple[list[str], list[str], list[str]]


def _nothing() -> Said:
    return [], [], []


def _tests(goal: SafetyGoal, found: Kept) -> Said:
    if not goal.tests:
        return [], [], []
    command = [f"`./dev test {' '.join(goal.tests)}`"]
    mine = [found["tests"][name] for name in goal.tests if name in found["tests"]]
    if len(mine) < len(goal.tests):
        return ["tests not run yet"], command, []
    passed, skipped = sum(one["passed"] for one in mine), sum(one["skipped"] for one in mine)
    said = f"{passed} tests pass" + (f", {skipped} skipped" if skipped else "")
    return (
        [*(line for one in mine for line in one["figures"]), said],
        command,
        [f"{one['date']}, {one['commit']}" for one in mine],
    )


def _long(goal: SafetyGoal, found: Kept) -> Said:
    """Runs by hand of this goal's tests; the command is the tests' own, with the variable that they name."""
    mine = [found["long"][name] for name in goal.tests if name in found.get("long", {})]
    return (
        [f"by hand: {line}" for one in mine for line in one["figures"]],
        [f"`{one['command']}`" for one in mine],
        [f"{one['date']}, {one['commit']}" for one in mine],
    )


def _benches(goal: SafetyGoal) -> Said:
    measured, commands, at = _nothing()
    for name, begins in goal.benches:
        commands.append(f"`./dev bench {name}`")
        file = RESULTS / f"{name}.json"
        if not file.exists():
            measured.append(f"not measured yet (bench {name})")
            continue
        result = json.loads(file.read_text(encoding="utf-8"))
        measured += [figure(row) for row in result["rows"] if row["name"].startswith(begins)]
        at.append(result["commit"].split()[0])
    return measured, commands, at


def _runs(goal: SafetyGoal, found: Kept) -> Said:
    measured, commands, at = _nothing()
    for kind in goal.runs:
        if kind == "mutation":
            said, by, when = _mutation()
            measured, commands, at = measured + said, commands + by, at + when
            continue
        run = found["runs"].get(kind)
        if run is None:
            measured.append("no long run kept")
        else:
            measured.append(run["figure"])
            commands.append(f"`{run['command']}`")
            at.append(f"{run['date']}, {run['commit']}")
    return measured, commands, at


def _mutation() -> Said:
    file = RESULTS / "mutation.json"
    modules: Kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    measured, at = [], []
    for module, parts in sorted(modules.items()):
        number = next(iter(parts)).partition("/")[2]
        if len(parts) < int(number):
            continue
        killed, mutants = (sum(part[key] for part in parts.values()) for key in ("killed", "mutants"))
        same = next(iter(parts.values()))["equivalent"]
        name = module.removeprefix("daemon/rolloutd/")
        measured.append(f"{name}: {killed} of {mutants} ({100 * killed / mutants:.1f} %), {same} equivalent left out")
        at += [f"{part['date']}, {part['commit']}" for part in parts.values()]
    own = any(part.get("own") for parts in modules.values() for part in parts.values())
    return measured or ["not measured yet"], ["`./dev mutate --own --keep`" if own else "`./dev mutate --keep`"], at


def add_up(files: list[str]) -> str:
    """What several outputs of the simulator's --json came to, in one line. Raises ValueError where a seed broke."""
    chunks = [json.loads(Path(file).read_text(encoding="utf-8").strip().splitlines()[-1]) for file in files]
    failed = [seed for chunk in chunks for seed in chunk["failed_seeds"]]
    if failed:
        raise ValueError(f"Seeds {failed} broke something; that is a finding, not a figure.")
    seeds, events = sum(chunk["seeds"] for chunk in chunks), sum(chunk["events"] for chunk in chunks)
    hours = sum(chunk["simulated_hours"] for chunk in chunks)
    stores = " and ".join(sorted({_store(chunk) for chunk in chunks}))
    return f"{seeds:,} seeds on {stores}, {hours:,.0f} simulated hours, {events:,} events, 0 invariants broken"


def _store(chunk: Kept) -> str:
    """What the seeds of one output ran on. Those of old, which do not say it, ran in memory."""
    on_files = chunk.get("store", "memory") != "memory"
    return f"{chunk['store']} ({chunk['file_system']})" if on_files else "doubles in memory"


def fuzzed(text: str) -> str:
    """The last line of ./dev fuzz. Raises ValueError where it says that something broke."""
    last = text.strip().splitlines()[-1].strip()
    if not re.fullmatch(r"[\d,]+ inputs, 0 broke; memory grew -?\d+ MiB", last):
        raise ValueError(f"This is no clean end of ./dev fuzz: {last}")
    return last


def promoted(text: str) -> str:
    """The last row of the catalogue of bad metrics. Raises ValueError where a harmful challenger of ours went up."""
    row = next(line for line in text.splitlines() if line.startswith("| **wrong promotions** "))
    of, ours, *theirs = (cell.strip().removeprefix("of ") for cell in row.strip("| ").split("|")[1:])
    if ours != "0":
        raise ValueError(f"{ours} wrong promotions are a finding, not a figure.")
    others = ", ".join(f"{who} {count}" for who, count in zip(_OTHERS, theirs, strict=True))
    return f"{of} rows by kinds of gate, 0 wrong promotions; on the same answers {others}"


_OTHERS = ("Argo by success", "Argo by failure", "Flagger")
_COMMANDS = {
    "simulation": "./dev sim --seeds N --from S --json",
    "fuzz": "./dev fuzz --minutes M",
    "badmetrics": "python -m tests.badmetrics.run",
    "planted": "python -m tests.simulation.planted_run",
}


def planted(found: Kept) -> str:
    """The bugs that were planted, and after how many seeds the simulator met them. Empty before it was tried."""
    run = found["runs"].get("planted")
    if run is None:
        return "Not tried yet: `python -m tests.simulation.planted_run`."
    lines = [f"At {run['commit']}, {run['date']}, by `{run['command']}`.", "", *_PLANTED_HEAD]
    for name, one in sorted(run["bugs"].items(), key=lambda pair: (pair[1]["median"], pair[0])):
        missed = f", {one['not_found']} without" if one["not_found"] else ""
        lines.append(f"| {name.replace('_', ' ')} | {one['median']:g} | {one['trials']}{missed} | {one['broke']} |")
    return "\n".join(lines)


_PLANTED_HEAD = ("| planted | median of seeds | trials | what broke first |", "|---|---|---|---|")


def keep(kind: str, commit: str, files: list[str], found: Kept) -> None:
    """Put a long run's figure beside the others; it ran at this commit."""
    text = Path(files[0]).read_text(encoding="utf-8")
    new: Kept = {"command": _COMMANDS[kind], "date": _today(), "commit": commit}
    if kind == "planted":
        new["bugs"] = json.loads(text.strip().splitlines()[-1])
    else:
        new["figure"] = add_up(files) if kind == "simulation" else fuzzed(text) if kind == "fuzz" else promoted(text)
    found["runs"][kind] = new


def keep_long(name: str, report: list[str], found: Kept) -> None:
    """Run one test file as the environment asks for it (or take its report); raises ValueError when a test failed."""
    commit_and_file = report[1:2] + report[:1]  # read wants the file first
    new = read(commit_and_file, [name])[name] if report else run_tests([name])[name]
    if new["failed"] or not new["figures"]:
        raise ValueError(f"{name}: {new['failed']} failed, {len(new['figures'])} figures; nothing is kept.")
    asked = [f"{key}={value}" for key, value in sorted(os.environ.items()) if key.startswith("ROLLOUTD_")]
    found.setdefault("long", {})[name] = {**new, "command": " ".join([*asked, "./dev test", name]), "date": _today()}


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def with_table(page: str, begin: str, made: str) -> str:
    """The page with this table in its place."""
    head, rest = page.split(begin, 1)
    return f"{head}{begin}\n{made}\n{END}{rest.split(END, 1)[1]}"


def main(words: list[str]) -> None:
    """See the top of this file."""
    found = kept()
    if words[:1] in (["run"], ["read"]):
        new = read(words[1:], selected()) if words[0] == "read" else run_tests(words[1:] or selected())
        found["tests"] |= {name: {**one, "date": _today()} for name, one in new.items() if not one["failed"]}
        found["tests"] = {name: found["tests"][name] for name in selected() if name in found["tests"]}
    elif words[:1] == ["long"]:
        keep_long(words[1], words[2:], found)
    elif words[:1] == ["keep"]:
        keep(words[1], words[2], words[3:], found)
    KEPT.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    page = with_table(PAGE.read_text(encoding="utf-8"), BEGIN, table(found))
    PAGE.write_text(with_table(page, BEGIN_PLANTED, planted(found)), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
