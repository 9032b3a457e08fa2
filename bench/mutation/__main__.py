"""``./dev mutate [MODULE ...]``: makes small wrong changes to the modules that decide, and lists those no test notices.

The tool is our own (bench/mutation): the mutants of a module run in forks of one process, so that thousands of them
take minutes. ``--keep`` writes what came of it to bench/results/mutation.json, module by module. Exit code 1 when a
module's rate of killed mutants is below the goal.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
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
    options = parser.parse_args(arguments)
    chosen = [one for one in TARGETS if not options.modules or any(one.endswith(word) for word in options.modules)]
    if not chosen:
        sys.stderr.write("No such module has mutants. Nothing was done. Try: ./dev mutate --help\n")
        return 2
    if len(chosen) > 1:  # a module that was imported unchanged cannot be imported changed: one process each
        rest = [word for word in arguments if word not in options.modules]
        done = [subprocess.run([sys.executable, "-m", "bench.mutation", one, *rest], check=False) for one in chosen]
        return max(one.returncode for one in done)
    result = mutate(chosen[0], options.lines, options.part, options.verbose)
    print(told(chosen[0], result))
    if options.keep and not options.lines:
        keep(chosen[0], options.part, result)
    return 0 if result["percent"] >= GOAL_PERCENT else 1


def mutate(module: str, lines: str = "", part: str = "1/1", verbose: bool = False) -> dict[str, Any]:
    """Every mutant of one module to its fate. Raises RuntimeError when a test fails without any change."""
    began, path = time.monotonic(), str(ROOT / module)
    source = Path(path).read_text(encoding="utf-8")
    first, _, last = lines.partition("-")
    wanted = range(int(first), int(last or first) + 1) if lines else range(10**6)
    same = equivalent().get(module, {})
    every = [one for one in mutants(module, source) if one.line in wanted]
    unknown = set(same) - {one.name for one in every}
    if unknown and not lines:
        raise RuntimeError(f"equivalent.toml names mutants of {module} that do not exist: {sorted(unknown)}")
    first_of, _, parts = part.partition("/")
    tried = [one for one in every if one.name not in same][int(first_of) - 1 :: int(parts)]
    fates = {**_at_import(module, path, source, tried), **_in_functions(module, path, source, tried)}
    counts = Counter(fates.values())
    left = [one for one in tried if fates[id(one)] in (SURVIVED, UNREACHED)]
    if verbose:
        print("\n".join(f"{one.line} {one.name}: {fates[id(one)]}" for one in tried))
    return {
        "mutants": len(tried),
        "killed": counts[KILLED] + counts[TIMED_OUT],
        "by_time": counts[TIMED_OUT],
        "percent": round(100 * (1 - len(left) / len(tried)), 2) if tried else 100.0,
        "equivalent": sum(one.name in same for one in every),
        "survivors": [f"{one.line} {one.name} ({fates[id(one)]})" for one in left],
        "took_s": round(time.monotonic() - began),
    }


def _at_import(module: str, path: str, source: str, tried: list[Mutant]) -> dict[int, str]:
    name = ".".join(Path(module).with_suffix("").parts[1:])
    outside = [one for one in tried if not one.function]
    if outside:
        reimport.warm_up()
    return {id(one): reimport.fate(one, name, path, source, TARGETS[module].own) for one in outside}


def _in_functions(module: str, path: str, source: str, tried: list[Mutant]) -> dict[int, str]:
    inside = [one for one in tried if one.function]
    if not inside:
        return {}
    plugin = Swapping(path, source, inside)
    tests = (*TARGETS[module].own, *TARGETS[module].more)
    pytest.main([*QUIET, *tests], plugins=[plugin])
    if plugin.failed or len(plugin.results) != len(inside):
        raise RuntimeError(f"Tests fail without any change, so nothing can be said: {plugin.failed}")
    return {id(one): plugin.results[number] for number, one in enumerate(inside)}


def told(module: str, result: dict[str, Any]) -> str:
    """One module for people: the survivors, then the counts."""
    lines = [f"  {line}" for line in result["survivors"]]
    counts = f"{result['killed']} of {result['mutants']} killed ({result['percent']} %), {result['by_time']} by time"
    return "\n".join([*lines, f"{module}: {counts}, {result['equivalent']} equivalent, {result['took_s']} s"])


def keep(module: str, part: str, result: dict[str, Any]) -> None:
    """Put this module's result, or a part of it, beside the others', with the commit and the day."""
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    git = ["git", "describe", "--always", "--dirty=+"]
    commit = subprocess.run(git, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    parts = part.partition("/")[2]
    mine = {name: one for name, one in kept.get(module, {}).items() if name.endswith(f"/{parts}")}
    kept[module] = mine
    mine[part] = {**result, "commit": commit, "date": datetime.now(UTC).date().isoformat()}
    KEPT.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
