"""``./dev mutate [MODULE ...]``: makes small wrong changes to the modules that decide, and lists those no test notices.

The tool is our own (bench/mutation): the mutants run in forks of one process, so that thousands of them take minutes.
``--keep`` writes what came of it to bench/results/mutation.json, module by module; ``--again`` tries only what survived
there, for when nothing but tests came since. Exit code 1 when a module's rate of killed mutants is below the goal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bench.mutation import reimport
from bench.mutation.operators import Mutant, mutants
from bench.mutation.running import KILLED, SURVIVED, TIMED_OUT, UNREACHED, Swapping
from bench.mutation.targets import ROOT, TARGETS, equivalent

KEPT = ROOT / "bench" / "results" / "mutation.json"
GOAL_PERCENT = 95.0
QUIET = ("-o", "addopts=--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:terminal")


def main(arguments: list[str]) -> int:
    """Mutate what was named, or everything there is a target for."""
    parser = argparse.ArgumentParser(prog="./dev mutate", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(TARGETS)}")
    parser.add_argument("--keep", action="store_true", help="write the result to bench/results/mutation.json")
    parser.add_argument("--lines", default="", metavar="A-B", help="only the mutants of these lines (nothing is kept)")
    parser.add_argument(
        "--part", default="1/1", metavar="K/N", help="every N-th mutant from the K-th on, for pieces of minutes"
    )
    parser.add_argument("--verbose", action="store_true", help="print every mutant's fate")
    parser.add_argument("--own", action="store_true", help="the modules' own tests alone: quick, and a lower bound")
    parser.add_argument("--again", action="store_true", help="only the kept survivors of modules that did not change")
    options = parser.parse_args(arguments)
    chosen = [one for one in TARGETS if not options.modules or any(one.endswith(word) for word in options.modules)]
    if not chosen:
        sys.stderr.write("No such module has mutants. Nothing was done. Try: ./dev mutate --help\n")
        return 2
    tried = {one: _to_try(one, options.lines, options.part) for one in chosen}
    before = {one: lived(one, options.part) for one in chosen} if options.again else None
    say: Callable[[str], None] = (lambda words: print(words, flush=True)) if options.verbose else lambda _: None
    every = [mutant for some in tried.values() for mutant in some]
    due = [mutant for mutant in every if before is None or _place(mutant) in before[mutant.module]]
    fates = {**{id(mutant): KILLED for mutant in every}, **_fates(due, say, own_alone=options.own)}
    results = {module: _summed(module, tried[module], fates) for module in chosen}
    for module, result in results.items():
        print(told(module, result))
        if options.keep and not options.lines:
            keep(module, options.part, {**result, "own": options.own})
    return 0 if min(result["percent"] for result in results.values()) >= GOAL_PERCENT else 1


def _to_try(module: str, lines: str, part: str) -> list[Mutant]:
    """The mutants of these lines of one module, of this part, without those that mean the same."""
    first, _, last = lines.partition("-")
    wanted = range(int(first), int(last or first) + 1) if lines else range(10**6)
    same = equivalent().get(module, {})
    every = mutants(module, (ROOT / module).read_text(encoding="utf-8"))
    unknown = set(same) - {one.name for one in every}
    if unknown:
        raise RuntimeError(f"equivalent.toml names mutants of {module} that do not exist: {sorted(unknown)}")
    number, _, parts = part.partition("/")
    return [one for one in every if one.name not in same and one.line in wanted][int(number) - 1 :: int(parts)]


def _place(mutant: Mutant) -> str:
    return f"{mutant.line} {mutant.name}"


def lived(module: str, part: str) -> set[str]:
    """Which mutants survived when this was last kept. Raises RuntimeError when the module is not what it was then."""
    before = json.loads(KEPT.read_text(encoding="utf-8")).get(module, {}).get(part)
    same = ["git", "diff", "--quiet", before["commit"] if before else "none", "--", module]
    if subprocess.run(same, cwd=ROOT, capture_output=True, check=False).returncode != 0:
        raise RuntimeError(f"{module} is not what it was when its mutants were kept; try them all, without --again.")
    return {survivor.rpartition(" (")[0] for survivor in before["survivors"]}


def _fates(tried: list[Mutant], say: Callable[[str], None], *, own_alone: bool) -> dict[int, str]:
    """Each mutant's fate. Raises RuntimeError when a test fails without any change."""
    modules = list(dict.fromkeys(one.module for one in tried))
    sources = {module: (ROOT / module).read_text(encoding="utf-8") for module in modules}
    outside, inside = [one for one in tried if not one.function], [one for one in tried if one.function]
    fates, sound = dict[int, str](), set[str]()
    if outside:  # first: what this process has imported unchanged no child can import changed
        with reimport.warmed_up():
            for one in outside:
                where = _dotted(one.module), str(ROOT / one.module), sources[one.module], TARGETS[one.module].own
                if one.module not in sound and reimport.fate(None, *where) != SURVIVED:
                    raise RuntimeError(f"The own tests of {one.module} fail without any change: nothing can be said.")
                sound.add(one.module)
                fates[id(one)] = reimport.fate(one, *where)
                say(f"{one.module}:{one.line} {one.name}: {fates[id(one)]}")
    if inside:
        first = frozenset(test for module in modules for test in TARGETS[module].own)
        tests = dict.fromkeys(test for module in modules for test in TARGETS[module].tests(own_alone=own_alone))
        plugin = Swapping(ROOT, sources, inside, first, say)
        pytest.main([*QUIET, *tests], plugins=[plugin])
        if plugin.failed or len(plugin.results) != len(inside):
            raise RuntimeError(f"Tests fail without any change, so nothing can be said: {plugin.failed}")
        fates |= {id(one): plugin.results[number] for number, one in enumerate(inside)}
    return fates


def _dotted(module: str) -> str:
    return ".".join(Path(module).with_suffix("").parts[1:])


def _summed(module: str, tried: list[Mutant], fates: dict[int, str]) -> dict[str, Any]:
    counts = Counter(fates[id(one)] for one in tried)
    left = [one for one in tried if fates[id(one)] in (SURVIVED, UNREACHED)]
    same, every = equivalent().get(module, {}), mutants(module, (ROOT / module).read_text(encoding="utf-8"))
    return {
        "mutants": len(tried),
        "killed": counts[KILLED] + counts[TIMED_OUT],
        "by_time": counts[TIMED_OUT],
        "percent": round(100 * (1 - len(left) / len(tried)), 2) if tried else 100.0,
        "equivalent": sum(one.name in same for one in every),
        "survivors": [f"{_place(one)} ({fates[id(one)]})" for one in left],
    }


def told(module: str, result: dict[str, Any]) -> str:
    """One module for people: the survivors, then the counts."""
    lines = [f"  {line}" for line in result["survivors"]]
    counts = f"{result['killed']} of {result['mutants']} killed ({result['percent']} %), {result['by_time']} by time"
    return "\n".join([*lines, f"{module}: {counts}, {result['equivalent']} equivalent"])


def keep(module: str, part: str, result: dict[str, Any]) -> None:
    """Put this module's result, or a part of it, beside the others', with the commit and the day."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    changed = subprocess.run(["git", "diff", "--quiet", "HEAD", "--", ".", ":!bench/results"], cwd=ROOT, check=False)
    parts = part.partition("/")[2]
    mine = {name: one for name, one in kept.get(module, {}).items() if name.endswith(f"/{parts}")}
    kept[module] = mine
    mine[part] = {
        **result,
        "commit": commit.stdout.strip() + "+" * changed.returncode,
        "date": datetime.now(UTC).date().isoformat(),
    }
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
