"""Runs one module's mutants in forks of one process: tests are imported once, each mutant's child swaps one function.

A pytest plugin. First every test runs once, unchanged, and says which lines of the module it reaches and how long it
takes; then each mutant meets the tests that reach its line, quickest first, until one fails. A change outside of
functions (tables, defaults) takes effect only on import: for those ``reimport`` starts from before the import.
"""

from __future__ import annotations

import ast
import functools
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType, FrameType, FunctionType
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol

from bench.mutation.operators import Mutant

if TYPE_CHECKING:
    from _typeshed import TraceFunction

_CACHE = type(functools.cache(len))
KILLED, SURVIVED, TIMED_OUT, UNREACHED = "killed", "survived", "timed out", "unreached"
PATIENCE = 8
"""A mutant's tests may take so many times as long as without it, and two seconds, before time kills it."""


@dataclass(eq=False)
class Swapping:
    """The plugin. ``results`` has the fate of every mutant given, by its position."""

    path: str
    source: str
    mutants: list[Mutant]
    say: Callable[[str], None] = lambda _: None
    results: dict[int, str] = field(default_factory=dict)
    items: list[pytest.Item] = field(default_factory=list)
    reach: dict[int, list[int]] = field(default_factory=dict)
    took_s: dict[int, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of pytest's own loop: once unchanged, then once for each mutant."""
        self.items = list(session.items)
        for number, item in enumerate(self.items):
            self._observe(number, item)
        if self.failed:
            return True
        gc.collect()
        for number, mutant in enumerate(self.mutants):
            self.results[number] = self._fate(mutant)
            self.say(f"{mutant.line} {mutant.name}: {self.results[number]}")
        return True

    def _observe(self, number: int, item: pytest.Item) -> None:
        lines: set[int] = set()

        def look(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
            if frame.f_code.co_filename != self.path:
                return None
            lines.add(frame.f_lineno)
            return look

        sys.settrace(look)
        try:
            reports = runtestprotocol(item, nextitem=None, log=False)
        finally:
            sys.settrace(None)
        began = time.perf_counter()
        reports = runtestprotocol(item, nextitem=None, log=False) if not _bad(reports) else reports
        self.took_s[number] = time.perf_counter() - began
        if _bad(reports):
            self.failed.append(item.nodeid)
        for line in lines:
            self.reach.setdefault(line, []).append(number)

    def _fate(self, mutant: Mutant) -> str:
        numbers = sorted(self._reaching(mutant), key=self.took_s.__getitem__)
        if not numbers:
            return UNREACHED
        changed = changed_code(mutant, self.source, self.path)
        limit_s = 2 + PATIENCE * sum(self.took_s[number] for number in numbers)
        return in_child(lambda: self._try(mutant, changed, numbers), limit_s)

    def _reaching(self, mutant: Mutant) -> set[int]:
        """Tests that run any line of the statement: a condition over three lines counts from each of them."""
        return {number for line in mutant.lines(self.source) for number in self.reach.get(line, ())}

    def _try(self, mutant: Mutant, changed: CodeType, numbers: list[int]) -> bool:
        if not swap(mutant.function, changed, self.path):
            raise LookupError(f"no function {mutant.function} is alive")
        for cache in [one for one in gc.get_objects() if isinstance(one, _CACHE)]:
            cache.cache_clear()
        return any(_bad(runtestprotocol(self.items[number], nextitem=None, log=False)) for number in numbers)


def changed_code(mutant: Mutant, source: str, path: str) -> CodeType:
    """The module with the mutant in it; its function closes over what it did before, or no code could be swapped."""
    tree, before = mutant.tree(source), _free(compile(source, path, "exec"), mutant.function)
    changed = compile(tree, path, "exec")
    if _free(changed, mutant.function) == before:
        return changed
    function = _definition(tree, mutant.function.split("."))
    dead = ast.If(ast.Constant(value=0), [ast.Expr(ast.Name(name, ast.Load())) for name in before], [])
    function.body.append(ast.fix_missing_locations(ast.copy_location(dead, function.body[-1])))
    return compile(tree, path, "exec")


def _free(code: CodeType, function: str) -> tuple[str, ...]:
    return next(one.co_freevars for one in _codes(code) if one.co_qualname == function)


def _definition(tree: ast.Module, names: list[str]) -> ast.FunctionDef | ast.AsyncFunctionDef:
    found: ast.AST = tree
    for name in names:
        found = next(one for one in ast.iter_child_nodes(found) if getattr(one, "name", "") == name)
    assert isinstance(found, ast.FunctionDef | ast.AsyncFunctionDef)
    return found


def in_child(attempt: Callable[[], bool], limit_s: float) -> str:
    """Fork, try, and say what came of it; the child's death by alarm is a mutant that never comes to an end."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, limit_s)
            code = 1 if attempt() else 0
        except BaseException as trouble:  # noqa: BLE001 - nothing may leave a forked child
            os.write(2, f"mutate: {trouble!r}\n".encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return TIMED_OUT if os.WTERMSIG(status) == signal.SIGALRM else KILLED
    code = os.waitstatus_to_exitcode(status)
    if code == 3:
        raise RuntimeError("a mutant could not be tried; see above")
    return KILLED if code else SURVIVED


def swap(function: str, changed: CodeType, path: str) -> int:
    """Give every living function of this name the code of the changed module; how many there were."""
    fresh = {code.co_qualname: code for code in _codes(changed) if code.co_qualname == function}
    alive = [
        one
        for one in gc.get_objects(generation=None)
        if isinstance(one, FunctionType) and one.__code__.co_filename == path and one.__code__.co_qualname == function
    ]
    for one in alive:
        one.__code__ = fresh[function]
    return len(alive)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _bad(reports: list[pytest.TestReport]) -> bool:
    return any(report.failed for report in reports)
