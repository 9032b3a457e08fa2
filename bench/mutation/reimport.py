"""Tries changes outside of functions: a child that has not imported the module yet imports it changed, then tests.

What the children share (pytest, hypothesis, scipy, pydantic) is imported before the fork. No file is changed.
"""

from __future__ import annotations

import gc
import importlib.abc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from types import CodeType, ModuleType

import pytest

from bench.mutation.operators import Mutant
from bench.mutation.running import in_child

LIMIT_S = 300.0
_SHARED = ("hypothesis", "pydantic", "scipy.special", "numpy", "pytest_asyncio", "httpx", "asyncio", "sqlite3")


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds one module by its name and gives it other code; everything else goes its usual way."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name = name
        self._code = code
        self.loaded = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See ``MetaPathFinder.find_spec``."""
        if fullname != self._name:
            return None
        found = PathFinder.find_spec(fullname, path)
        if found is None:
            return None
        return importlib.util.spec_from_file_location(fullname, found.origin, loader=self)

    def create_module(self, spec: ModuleSpec) -> None:
        """See ``Loader.create_module``."""

    def exec_module(self, module: ModuleType) -> None:
        """See ``Loader.exec_module``."""
        self.loaded = True
        exec(self._code, module.__dict__)


@contextmanager
def warmed_up() -> Iterator[None]:
    """Import what every child needs and no mutant touches; what they compile of the rest they keep for each other."""
    before = sys.dont_write_bytecode, sys.pycache_prefix
    for name in (*_SHARED, *(plugin.module for plugin in entry_points(group="pytest11"))):
        importlib.import_module(name)
    gc.freeze()  # what children never collect they need not copy
    with tempfile.TemporaryDirectory(prefix="mutate-") as kept:
        sys.dont_write_bytecode, sys.pycache_prefix = False, kept
        yield
    sys.dont_write_bytecode, sys.pycache_prefix = before


def fate(mutant: Mutant | None, name: str, path: str, source: str, tests: Sequence[str]) -> str:
    """What comes of this mutant, or of the module as it is, when these tests run from the first import on."""
    if name in sys.modules:
        raise RuntimeError(f"{name} is imported already; its mutants at module level could not be tried.")
    code = compile(mutant.tree(source) if mutant else source, path, "exec")
    return in_child(lambda: _fails(Changed(name, code), tests), LIMIT_S)


def _fails(finder: Changed, tests: Sequence[str]) -> bool:
    sys.meta_path.insert(0, finder)
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", *tests])
    if not finder.loaded:
        os.write(2, b"mutate: the tests never import the module\n")
        os._exit(3)
    return status != pytest.ExitCode.OK
