"""A real PostgreSQL for the length of a ``with`` block, on a port of 127.0.0.1; it really asks for passwords."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import mkdtemp
from types import TracebackType
from typing import Any, Self

import psycopg

from tests.engines.processes import Program, free_port
from tests.programs import needs

OWNER_PASSWORD, READER_PASSWORD = "owner-Secret-1", "reader-Secret-2"
_NOBODY = 65_534


class Postgres:
    """``owner`` may do everything, ``reader`` may select from what it is granted. It does not run as root."""

    def __init__(self) -> None:
        self.port = free_port()
        self._folder = Path(mkdtemp(prefix="pg-"))
        self._drop = [needs("setpriv"), f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
        if os.geteuid() == 0:
            os.chown(self._folder, _NOBODY, _NOBODY)
        else:
            self._drop = []
        options = [
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "fsync=off",
            "-c",
            f"unix_socket_directories={self._folder}",
        ]
        command = [*self._drop, needs("postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        self.program = Program(command, self._folder, "postgres")

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def __enter__(self) -> Self:
        words = self._folder / "password"
        words.write_text(OWNER_PASSWORD)
        words.chmod(0o644)
        made = ["-D", str(self._data), "-U", "owner", "-A", "scram-sha-256", f"--pwfile={words}", "--no-sync"]
        command = [*self._drop, needs("initdb"), *made, "-E", "UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder)
        self.start()
        self.execute(f"create role reader login password '{READER_PASSWORD}'")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.program.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Start it, for the first time or after ``program.stop()``."""
        self.program.start(self._answers)

    def conninfo(self, user: str = "reader") -> str:
        """How to connect, without a password."""
        return f"host=127.0.0.1 port={self.port} dbname=postgres user={user}"

    def execute(self, statement: str, *rows: tuple[object, ...]) -> list[Any]:
        """Carry out a statement as owner, once for each of the rows that are given."""
        with psycopg.connect(self.conninfo("owner"), password=OWNER_PASSWORD) as connection:
            cursor = connection.cursor()
            if rows:
                cursor.executemany(statement, rows)
                return []
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _answers(self) -> bool:
        try:
            self.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True
