"""``./dev bench NAME``: finds the bench of that name, runs it and prints its one table; a missed goal is exit code 1.

A bench is a module of this folder with ``def run(args: argparse.Namespace) -> list[Row]`` (or ``async def``) and, where
it takes options, ``def add_options(parser: argparse.ArgumentParser) -> None``.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from inspect import iscoroutinefunction
from pathlib import Path
from types import ModuleType

from bench.table import Row, as_json, as_text


def names() -> list[str]:
    """Every bench there is, by file name: the modules of this folder that define ``run`` at top level."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [file.stem for file in files if "\ndef run(" in (text := file.read_text()) or "\nasync def run(" in text]


def load(name: str, arguments: list[str]) -> tuple[ModuleType, argparse.Namespace]:
    """Import one bench and read its own options; an unknown option ends the program with argparse's sentence."""
    module = importlib.import_module(f"bench.{name}")
    parser = argparse.ArgumentParser(prog=f"./dev bench {name}", description=(module.__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    if hasattr(module, "add_options"):
        module.add_options(parser)
    return module, parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Run the bench named first: 0 when every goal was met, 1 when one was missed, 2 for a name nobody knows."""
    known = names()
    arguments = [word.replace("-", "_") if k == 0 else word for k, word in enumerate(arguments)]  # late-onset, too
    if not arguments or arguments[0] not in known:
        sys.stderr.write(
            f"Usage: ./dev bench NAME [--json]. Nothing was measured. Names: {', '.join(known) or 'none yet'}\n"
        )
        return 2
    name, *rest = arguments
    module, options = load(name, rest)
    rows: list[Row] = asyncio.run(module.run(options)) if iscoroutinefunction(module.run) else module.run(options)
    print(as_text(name, rows))
    if options.json:
        print(as_json(name, rows))
    return 1 if any(row.ok is False for row in rows) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
