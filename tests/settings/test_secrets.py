"""Tests of secrets: by reference only, read only when asked, and never in any sentence (invariant I15)."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolloutd.settings import SecretError, SecretRef, SettingsError, read_all
from rolloutd.settings.secrets import is_secret
from tests.settings.words import config

OPEN = "hunter2"


@pytest.mark.parametrize(
    "option",
    [
        f'token = "{OPEN}"',
        f'bearer_token = "{OPEN}"',
        f'password = "{OPEN}"',
        f'apiKey = "{OPEN}"',
        f'api_key = "{OPEN}"',
        f'headers = {{ Authorization = "Bearer {OPEN}" }}',
        f'tokens = ["{OPEN}"]',
        f'token = {{ value = "{OPEN}" }}',
        'token = { file = "relative" }',
        'token = { credential = "../etc/shadow" }',
        f'url = "https://me:{OPEN}@example.test/"',
        f'urls = ["https://{OPEN}@example.test/"]',
        f'nested = [ {{ deep = {{ secret = "{OPEN}" }} }} ]',
    ],
)
def test_an_open_secret_is_refused_without_being_repeated(option: str) -> None:
    """Wherever it stands, the refusal names the key and how to refer to it, never the secret."""
    with pytest.raises(SettingsError) as refusal:
        config(f"[sources.s]\nkind = 'prometheus'\n{option}\n")
    (problem,) = refusal.value.problems
    assert problem.line == 3
    assert "A secret does not stand in this file" in problem.message
    assert OPEN not in str(refusal.value)


def test_a_misplaced_secret_is_not_repeated_either() -> None:
    """An unknown key or a wrong type never shows the value."""
    for text in (f"[daemon]\ntoken = '{OPEN}'", f"[policy]\nalpha = '{OPEN}'", f"[daemon]\nlog_level = '{OPEN}'"):
        with pytest.raises(SettingsError) as refusal:
            config(text)
        assert OPEN not in str(refusal.value)


def test_references_become_references_and_are_read_on_demand(tmp_path: Path) -> None:
    """The configuration holds only where a secret is; the adapter gets the secret without its line end."""
    file = tmp_path / "token"
    file.write_text(f"{OPEN}\n")
    file.chmod(0o600)
    text = f"""
    [sources.s]
    kind = "prometheus"
    token = {{ file = "{file}" }}
    password = {{ env = "PASSWORD" }}
    headers = {{ Authorization = {{ credential = "token" }}, Accept = "text" }}
    password_file = "/a/path"
    """
    options = config(text).sources["s"].options
    assert options["token"] == SecretRef("file", str(file))
    assert OPEN not in repr(options)
    environment = {"PASSWORD": "swordfish", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert read_all(options, environment) == {
        "token": OPEN,
        "password": "swordfish",
        "headers": {"Authorization": OPEN, "Accept": "text"},
        "password_file": "/a/path",
    }


def test_a_secret_that_cannot_be_read_is_an_error_with_what_to_do(tmp_path: Path) -> None:
    """Absent, empty, open to everybody, not text, or from a systemd that is not there."""
    for name, content, mode in (("open", OPEN, 0o644), ("empty", "\n", 0o600), ("fine", OPEN, 0o600)):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(mode)
    (tmp_path / "bytes").write_bytes(b"\xff")
    for ref, said in (
        (SecretRef("file", str(tmp_path / "absent")), "cannot be read: No such file"),
        (SecretRef("file", str(tmp_path)), "cannot be read"),
        (SecretRef("file", str(tmp_path / "open")), "open to every user"),
        (SecretRef("file", str(tmp_path / "empty")), "empty or absent"),
        (SecretRef("file", str(tmp_path / "bytes")), "is not text"),
        (SecretRef("env", "NOT_THERE"), "empty or absent"),
        (SecretRef("credential", "fine"), "given by systemd"),
    ):
        with pytest.raises(SecretError, match=said) as error:
            ref.read({})
        assert "No traffic was changed" in str(error.value)
        assert error.value.next_step
        assert OPEN not in str(error.value)


@pytest.mark.parametrize("key", ["token", "bearer_token", "X-Auth-Token", "Authorization", "clientSecret", "apikey"])
def test_names_of_secrets_are_known(key: str) -> None:
    """However the words are joined."""
    assert is_secret(key)


@pytest.mark.parametrize("key", ["token_file", "secret-name", "url", "keyboard", "tokenizer", "token_env", ""])
def test_names_of_other_things_are_not_secrets(key: str) -> None:
    """Where a secret is, and words that only look alike."""
    assert not is_secret(key)
