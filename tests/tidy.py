"""The house rules no linter knows, about sizes, words and sleeping tests; it reports and changes nothing.

Types, docstrings and broad catches are the business of mypy and ruff. ``python -m tests.tidy`` prints the violations.
"""

from __future__ import annotations

import ast
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PRODUCT = ("daemon", "adapters", "tui")
CODE = (*PRODUCT, "tests", "bench")
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
MEDIAN_LINES_MIN, MEDIAN_LINES_MAX = 90, 180

# Written in pieces, or this file would find itself.
FORBIDDEN = {
    "the host of a package registry": re.compile(
        r"\b(?:pypi" r"\.org|pythonhosted" r"\.org|registry\.npmjs|npmjs" r"\.com|deb\.debian|proxy\.golang)\b"
    ),
    "a path of somebody's machine": re.compile(r"(?<![\w.$}])/(?:work|root|home)" r"/\w"),
    "a path out of the checkout": re.compile(r"\.\./" r"shared\b"),
    "a mock (use the in-memory doubles)": re.compile(r"\bunittest" r"\.mock|\bMagic" r"Mock\b|\bmocker" r"\."),
    "a whole scipy.stats (scipy.special is enough)": re.compile(
        r"^\s*(?:import|from) scipy" r"\.stats|from scipy import .*\bstats", re.MULTILINE
    ),
}
# Tests may compare with scipy's own distributions.
TESTS_MAY = "a whole scipy.stats (scipy.special is enough)"


def tracked() -> list[Path]:
    """Every file that is, or would be, in the repository, relative to its top."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return sorted(Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file())


def violations() -> list[str]:
    """Every broken rule as ``file:line what``; an empty list is a tidy house."""
    files = tracked()
    code = {file: (ROOT / file).read_text() for file in files if file.suffix == ".py" and file.parts[0] in CODE}
    found = [line for file, text in code.items() for line in (*_sizes(file, text), *_fixed_sleeps(file, text))]
    found += [line for file in files for line in _words(file)]
    found += _median({file: text for file, text in code.items() if file.parts[0] in PRODUCT})
    return found


def _sizes(file: Path, text: str) -> Iterator[str]:
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{file}:1 {lines} lines, more than {FILE_LINES_MAX}: split it by what it is for"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{file}:{node.lineno} {node.name} has {length} lines, more than {FUNCTION_LINES_MAX}"


def _fixed_sleeps(file: Path, text: str) -> Iterator[str]:
    """A test may sleep only inside a loop that looks at something; ``sleep(0)`` merely lets others run."""
    if file.parts[0] != "tests":
        return
    tree = ast.parse(text)
    loops = [node for node in ast.walk(tree) if isinstance(node, ast.While | ast.For | ast.AsyncFor)]
    inside = {id(child) for loop in loops for child in ast.walk(loop)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or id(node) in inside or ast.unparse(node) == "asyncio.sleep(0)":
            continue
        if ast.unparse(node.func) in ("time.sleep", "asyncio.sleep"):
            yield f"{file}:{node.lineno} sleeps for a fixed time: wait for what the test needs, with a deadline"


def _words(file: Path) -> Iterator[str]:
    try:
        text = (ROOT / file).read_text()
    except UnicodeDecodeError:
        return
    for what, pattern in FORBIDDEN.items():
        if what == TESTS_MAY and file.parts[0] == "tests":
            continue
        for match in pattern.finditer(text):
            yield f"{file}:{text.count(chr(10), 0, match.start()) + 1} holds {what}: {match.group().strip()}"
    if file.suffix == ".lock" and "://" in text:
        yield f"{file}:1 a lock list names packages and hashes, never a place to fetch them from"


def _median(product: dict[Path, str]) -> list[str]:
    """The middle module of the product fits on a few screens and is worth opening; package openings do not count."""
    sizes = [text.count("\n") for file, text in product.items() if file.name != "__init__.py"]
    median = statistics.median(sizes) if sizes else MEDIAN_LINES_MIN
    if MEDIAN_LINES_MIN <= median <= MEDIAN_LINES_MAX:
        return []
    return [
        f"{'/'.join(PRODUCT)}: the median file has {median:.0f} lines, outside {MEDIAN_LINES_MIN}-{MEDIAN_LINES_MAX}"
    ]


if __name__ == "__main__":
    broken = violations()
    sys.stdout.write("\n".join(broken or ["tidy: every file is in its bands"]) + "\n")
    sys.exit(bool(broken))
