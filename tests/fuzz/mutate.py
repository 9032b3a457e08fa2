"""Makes wrong texts out of right ones, from a seed: bits, pieces, repeats, strange tokens. It knows no format."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

LONGEST = 100_000
TOKENS = (
    b"NaN", b"-Infinity", b"1e999", b"-0", b"9" * 400, b"0x10", b"1_000", b"true", b"null", b"{", b"}", b"[", b"]",
    b'"', b"'", b"\\", b"\\u0000", b"\\ud800", b"\x00", b"\xff\xfe", b"\x1b[2J", b"\r\n", b"\r\n\r\n", b"\n", b",",
    b":", b"=", b"#", b"%00", b"%2e%2e%2f", b"..", b"/", b"?", b"&", b" ", b"\t", b"\xe2\x80\xae", b"\xf0\x9f\x92\xa9",
    b"-1", b"0", b"1e-320", b"101%", b"99h", b"1970-01-01T00:00:00Z", b"[[stage]]", b"__class__", b"{{x}}", b"$(x)",
    b"[/red]", b"; show table", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 18446744073709551616\r\n",
)  # fmt: skip

Mutator = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def _flip(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    if text:
        text[chance.randrange(len(text))] ^= 1 << chance.randrange(8)


def _drop(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(text) + 1)
    del text[start : start + chance.choice((1, 2, 8, 64, 1_000))]


def _cut(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    del text[chance.randrange(len(text) + 1) :]


def _insert(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    at = chance.randrange(len(text) + 1)
    text[at:at] = chance.choice(TOKENS) * chance.choice((1, 1, 1, 2, 50))


def _repeat(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    start = chance.randrange(len(text) + 1)
    piece = bytes(text[start : start + chance.choice((1, 4, 30, 200))])
    text[start:start] = piece * chance.choice((1, 2, 10, 1_000))


def _exchange(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    lines = bytes(text).split(b"\n")
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    text[:] = b"\n".join(lines)


def _splice(text: bytearray, chance: random.Random, corpus: Sequence[bytes]) -> None:
    other = chance.choice(corpus)
    start = chance.randrange(len(other) + 1)
    at = chance.randrange(len(text) + 1)
    text[at : at + chance.choice((0, 10, 100))] = other[start : start + chance.choice((10, 100, 1_000))]


def _number(text: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    digits = [at for at, letter in enumerate(text) if 48 <= letter <= 57]
    if digits:
        at = chance.choice(digits)
        text[at : at + 1] = str(chance.choice((0, -1, 7, 2**31, 2**63, 2**64, 10**30, 0.1, 1e308))).encode()


MUTATORS: tuple[Mutator, ...] = (_flip, _drop, _cut, _insert, _repeat, _exchange, _splice, _number)


def mutated(corpus: Sequence[bytes], chance: random.Random) -> bytes:
    """One right text with one to six things done to it."""
    text = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 6))):
        chance.choice(MUTATORS)(text, chance, corpus)
    return bytes(text[:LONGEST])
