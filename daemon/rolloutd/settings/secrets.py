"""Secrets by reference: a file, a systemd credential or an environment variable is named, never the secret itself.

It finds secrets that stand openly in a table, and reads a referenced one when it is asked; it shows none to anyone.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Literal, get_args

from rolloutd.ports import RolloutdError
from rolloutd.settings.files import read_small
from rolloutd.settings.locator import Path
from rolloutd.settings.values import has_password

Place = Literal["file", "credential", "env"]
SECRET_MAX_BYTES = 64 * 1024
HOW = '{ file = "/path" }, { credential = "name" } (of systemd) or { env = "NAME" }'
_SECRET_WORDS = frozenset(
    {"token", "tokens", "password", "passwd", "passphrase", "secret", "authorization", "bearer", "apikey", "cookie"}
)
_REFERENCE_WORDS = frozenset({"file", "path", "url", "env", "name", "header", "id"})
_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+")


class SecretError(RolloutdError):
    """A secret that the configuration refers to cannot be read."""

    next_step = "Put the secret where the configuration says, readable by the daemon alone, and start again."


@dataclass(frozen=True, slots=True)
class SecretRef:
    """Where a secret is kept. ``name`` is a path, a credential's name or a variable's name."""

    place: Place
    name: str

    def read(self, environment: Mapping[str, str] = os.environ) -> str:
        """The secret without the line end after it. Raises SecretError; no message ever holds any part of it."""
        secret = environment.get(self.name, "") if self.place == "env" else _read(self._file(environment))
        if not secret:
            raise SecretError(f"The secret in {self.place} {self.name} is empty or absent. No traffic was changed.")
        return secret

    def _file(self, environment: Mapping[str, str]) -> FilePath:
        if self.place == "file":
            return FilePath(self.name)
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise SecretError(
                f"The credential {self.name} is given by systemd, and this process has none. No traffic was changed.",
                f"Add LoadCredential={self.name}:/path to the unit.",
            )
        return FilePath(folder, self.name)


def _read(file: FilePath) -> str:
    try:
        raw, status = read_small(file, SECRET_MAX_BYTES)
        text = raw.decode()
    except UnicodeDecodeError:
        raise SecretError(f"The secret in {file} is not text. No traffic was changed.") from None
    except OSError as error:
        raise SecretError(f"The secret in {file} cannot be read: {error.strerror}. No traffic was changed.") from None
    if len(raw) > SECRET_MAX_BYTES:
        raise SecretError(f"The secret in {file} is longer than any secret. No traffic was changed.")
    if status.st_mode & (stat.S_IROTH | stat.S_IWOTH):
        raise SecretError(f"The secret in {file} is open to every user of this host. No traffic was changed.")
    return text.strip("\r\n")


def is_secret(key: str) -> bool:
    """Whether a key holds a secret by its name: ``token``, ``bearer_token``, ``Authorization``; not ``token_file``."""
    words = [word.lower() for word in _WORD.findall(key)]
    pairs = {one + other for one, other in pairwise(words)}
    return bool(words) and words[-1] not in _REFERENCE_WORDS and not _SECRET_WORDS.isdisjoint({*words, *pairs})


def reference(value: object) -> SecretRef | None:
    """The reference that a value is, or None."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return None
    place, name = next(iter(value.items()))
    if place not in get_args(Place) or not isinstance(name, str) or not name.isprintable() or not name:
        return None
    if (place == "file") != name.startswith("/") or (place == "credential" and ("/" in name or name in (".", ".."))):
        return None
    return SecretRef(place, name)


def with_references(options: Mapping[str, object], path: Path, open_secrets: list[Path]) -> dict[str, object]:
    """The same options with a SecretRef in place of each reference; paths of open secrets go to ``open_secrets``."""
    return {key: _taken(key, value, (*path, key), open_secrets) for key, value in options.items()}


def _taken(key: str, value: object, path: Path, open_secrets: list[Path]) -> object:
    if is_secret(key):
        found = reference(value)
        if found is None:
            open_secrets.append(path)
        return found
    if isinstance(value, Mapping):
        return with_references(value, path, open_secrets)
    if isinstance(value, list):
        return [_taken("", item, (*path, index), open_secrets) for index, item in enumerate(value)]
    if isinstance(value, str) and has_password(value):
        open_secrets.append(path)
    return value


def read_all(options: Mapping[str, object], environment: Mapping[str, str] = os.environ) -> dict[str, object]:
    """The options with each reference replaced by the secret itself, for the adapter and nobody else.

    Raises SecretError for the first that cannot be read.
    """
    return {key: _revealed(value, environment) for key, value in options.items()}


def _revealed(value: object, environment: Mapping[str, str]) -> object:
    if isinstance(value, SecretRef):
        return value.read(environment)
    if isinstance(value, Mapping):
        return read_all(value, environment)
    return [_revealed(item, environment) for item in value] if isinstance(value, list) else value
