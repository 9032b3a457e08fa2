"""Runs mutants in forks of one process: tests are imported once, each mutant's child swaps one function's code.

A pytest plugin. First every test runs unchanged, and says which statements it reaches and how long it takes; then each
mutant meets the tests that reach its statement until one fails, quickest first, and before them those that killed
others of its function. So it goes with the modules' own tests, and then with the others for what is left. What
``BUDGET_S`` of tests do not notice has survived, though a slower one might have noticed. A change outside of functions
(tables, defaults) takes effect only on import: for those ``reimport`` starts from before the import.
"""

from __future__ import annotations

import ast
import functools
import gc
import mmap
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from types import CodeType, FunctionType

import pytest
from _pytest.runner import runtestprotocol

from bench.mutation.marking import MARK, marked
from bench.mutation.operators import Mutant

_CACHE = type(functools.cache(len))
KILLED, SURVIVED, TIMED_OUT, UNREACHED = "killed", "survived", "timed out", "unreached"
PATIENCE = 8
"""A mutant's tests may take so many times the CPU of without it, and two seconds, before time kills it."""
BUDGET_S = 4.0
"""So many seconds of tests, as long as they take unchanged, are tried on one mutant."""


@dataclass(eq=False)
class Swapping:
    """The plugin. ``results`` has the fate of every mutant given, by its position; modules are paths below ``root``."""

    root: Path
    sources: dict[str, str]
    mutants: list[Mutant]
    own: frozenset[str]
    say: Callable[[str], None] = lambda _: None
    results: dict[int, str] = field(default_factory=dict)
    items: list[pytest.Item] = field(default_factory=list)
    reach: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    took_s: dict[int, float] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    kills: Counter[tuple[str, int]] = field(default_factory=Counter)
    alive: dict[str, list[FunctionType]] = field(default_factory=dict)
    at_work: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 4))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of pytest's own loop: once unchanged, then once for each mutant."""
        self.items = list(session.items)
        self.alive = {module: living(str(self.root / module)) for module in self.sources}
        caches = [one for one in gc.get_objects(generation=None) if isinstance(one, _CACHE)]
        own = [n for n, item in enumerate(self.items) if str(item.path.relative_to(self.root)) in self.own]
        for numbers in (own, sorted(set(range(len(self.items))) - set(own))):
            left = [n for n in range(len(self.mutants)) if self.results.get(n) not in (KILLED, TIMED_OUT)]
            if left and numbers:
                self._observe(numbers)
                for one in caches:  # what they hold was made by code that goes
                    one.cache_clear()
                gc.collect()
                gc.freeze()  # what children never collect they need not copy
                self._try(left)
        return True

    def _try(self, left: list[int]) -> None:
        for number in left:
            if self.failed:
                return
            mutant, before = self.mutants[number], self.results.get(number, UNREACHED)
            fate = self._fate(mutant)
            self.results[number] = before if fate == UNREACHED else fate
            self.say(f"{mutant.module}:{mutant.line} {mutant.name}: {self.results[number]}")

    def _observe(self, numbers: list[int]) -> None:
        """These tests once, on functions that mark which of their statements they come to."""
        before: list[tuple[FunctionType, CodeType]] = []
        reached: set[tuple[str, int]] = set()
        for module, source in self.sources.items():
            codes = {
                code.co_qualname: code for code in _codes(compile(marked(source), str(self.root / module), "exec"))
            }
            for one in self.alive[module]:
                if one.__name__ != "<lambda>":  # several have that name
                    one.__globals__[MARK] = functools.partial(_reach, reached, module)
                    before.append((one, one.__code__))
                    one.__code__ = codes[one.__code__.co_qualname]
        self.reach = {}
        for number in numbers:
            reached.clear()
            began = time.process_time()
            if _bad(runtestprotocol(self.items[number], nextitem=None, log=False)):
                self.failed.append(self.items[number].nodeid)
            self.took_s[number] = time.process_time() - began
            for place in reached:
                self.reach.setdefault(place, []).append(number)
        for one, code in before:
            one.__code__ = code

    def _fate(self, mutant: Mutant) -> str:
        """What comes of it; a test that fails now also without any change says nothing."""
        where = f"{mutant.module} {mutant.function}"
        order = sorted(self._reaching(mutant), key=lambda one: (not self.kills[where, one], self.took_s[one]))
        spent_s = list(accumulate(self.took_s[number] for number in order))
        numbers = [number for k, number in enumerate(order) if k == 0 or spent_s[k] <= BUDGET_S]
        if not numbers:
            return UNREACHED
        source, path = self.sources[mutant.module], str(self.root / mutant.module)
        changed, alive = changed_code(mutant, source, path), self.alive[mutant.module]

        def attempt() -> bool:
            if not swap(alive, mutant.function, changed):
                raise LookupError(f"no function {mutant.function} is alive")
            return any(self._notices(number) for number in numbers)

        fate = in_child(attempt, 2 + PATIENCE * sum(self.took_s[number] for number in numbers))
        if fate == KILLED:
            killer = int.from_bytes(self.at_work[:], "big")
            if not self.kills["", killer] and in_child(lambda: self._notices(killer), 300) != SURVIVED:
                self.failed.append(f"{self.items[killer].nodeid} (the second time)")
            self.kills.update([("", killer), (where, killer)])
        return fate

    def _reaching(self, mutant: Mutant) -> set[int]:
        """Tests that come to the statement, whichever of its lines the change is in."""
        lines = mutant.lines(self.sources[mutant.module])
        return {number for line in lines for number in self.reach.get((mutant.module, line), ())}

    def _notices(self, number: int) -> bool:
        self.at_work[:] = number.to_bytes(4, "big")
        return _bad(runtestprotocol(self.items[number], nextitem=None, log=False))


def _reach(reached: set[tuple[str, int]], module: str, line: int) -> None:
    reached.add((module, line))


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
    """Fork, try, and say what came of it; the child's death by its timer, of CPU, is a mutant that never ends."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            signal.signal(signal.SIGPROF, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_PROF, limit_s)
            code = 1 if attempt() else 0
        except BaseException as trouble:  # noqa: BLE001 - nothing may leave a forked child
            os.write(2, f"mutate: {trouble!r}\n".encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return TIMED_OUT if os.WTERMSIG(status) == signal.SIGPROF else KILLED
    code = os.waitstatus_to_exitcode(status)
    if code == 3:
        raise RuntimeError("a mutant could not be tried; see above")
    return KILLED if code else SURVIVED


def living(path: str) -> list[FunctionType]:
    """Every function of this file that is alive now."""
    every = gc.get_objects(generation=None)
    return [one for one in every if isinstance(one, FunctionType) and one.__code__.co_filename == path]


def swap(alive: list[FunctionType], function: str, changed: CodeType) -> int:
    """Give every one of these that has this name the code of the changed module; how many there were."""
    fresh = next(code for code in _codes(changed) if code.co_qualname == function)
    named = [one for one in alive if one.__code__.co_qualname == function]
    for one in named:
        one.__code__ = fresh
    return len(named)


def _codes(code: CodeType) -> Iterator[CodeType]:
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield inner
            yield from _codes(inner)


def _bad(reports: list[pytest.TestReport]) -> bool:
    return any(report.failed for report in reports)
