"""Which news deserve a bell: into trouble, once for everything within three seconds, again until claimed. Pure.

Never for what this person did, never for good news, never for what was there when the screen opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from rollout_tui.facts import host_of
from rollout_tui.lines import Role, clean
from rollout_tui.words import state_word

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow

TOGETHER_S = 3.0
REPEAT_S = 60.0
REPEATS = 10
OWN_S = 30.0
MUTE_S = 1800.0
RINGS_FOR = frozenset({"not_obeyed", "going_back", "harm", "blind", "asks_you"})
LOST = "contact with the daemon"


@dataclass(frozen=True, slots=True)
class Ring:
    """A bell to ring now, with a text for a desktop: a name, a state, a number."""

    text: str


@dataclass(frozen=True, slots=True)
class Open:
    """Trouble that a bell was rung for: what it was, when last, how often again."""

    state: str
    rung_s: float
    repeats: int = 0


@dataclass(frozen=True, slots=True)
class Alarms:
    """What is ringing. ``news`` wait for the next look; ``own`` are this person's last actions by rollout."""

    news: tuple[tuple[str, str, str], ...] = ()
    ringing: Mapping[str, Open] = field(default_factory=lambda: MappingProxyType({}))
    own: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    rung_s: float = float("-inf")
    muted_until_s: float = float("-inf")
    lost: bool = False
    hosts: frozenset[str] = frozenset()

    def left_s(self, now_s: float) -> float:
        """Seconds of silence that are left."""
        return max(0.0, self.muted_until_s - now_s)


def acted(alarms: Alarms, name: str, now_s: float) -> Alarms:
    """This person acted on a rollout: what follows from it is no news to him."""
    recent = {one: at_s for one, at_s in alarms.own.items() if now_s - at_s < OWN_S}
    return replace(alarms, own=MappingProxyType({**recent, name: now_s}))


def seen(alarms: Alarms, before: FleetRow | None, row: FleetRow, now_s: float) -> Alarms:
    """A row changed. A rollout that was not known before is news too, once the list is known."""
    state = state_word(row.state).key
    known = state_word(before.state).key if before is not None else ""
    if row.name in alarms.ringing and (state != alarms.ringing[row.name].state or row.claimed_by):
        alarms = replace(alarms, ringing=_without(alarms.ringing, row.name))
    if state == known or state not in RINGS_FOR or now_s - alarms.own.get(row.name, float("-inf")) < OWN_S:
        return alarms
    word = state_word(row.state).word
    signal = "" if row.worst in {"", "none"} else f" {clean(row.worst)}"
    return replace(alarms, news=(*alarms.news, (row.name, state, f"{row.name} {word}{signal}")))


def link(alarms: Alarms, *, lost: bool) -> Alarms:
    """Contact was lost or is back. Lost is news; back is not."""
    if lost and not alarms.lost:
        return replace(alarms, lost=True, news=(*alarms.news, (LOST, "lost", f"LOST {LOST}")))
    return replace(alarms, lost=lost, ringing=alarms.ringing if lost else _without(alarms.ringing, LOST))


def judged(before: Mapping[str, FleetRow], picture: Sequence[FleetRow]) -> list[FleetRow]:
    """The rows of a whole picture that may be news: not those of a host of which nothing was known before."""
    known = {host_of(name) for name in before}
    return [row for row in picture if host_of(row.name) in known]


def hosts(alarms: Alarms, lost: frozenset[str]) -> Alarms:
    """Of several hosts these are lost, while others are not: each is news once, and is no longer when it is back."""
    news = tuple((f"host {one}", "lost", f"LOST {clean(one)}") for one in sorted(lost - alarms.hosts))
    for back in alarms.hosts - lost:
        alarms = replace(alarms, ringing=_without(alarms.ringing, f"host {back}"))
    return replace(alarms, hosts=lost, news=(*alarms.news, *news))


def mute(alarms: Alarms, now_s: float) -> Alarms:
    """Silence for half an hour, or its end."""
    until_s = float("-inf") if alarms.left_s(now_s) > 0 else now_s + MUTE_S
    return replace(alarms, muted_until_s=until_s)


def due(alarms: Alarms, now_s: float) -> tuple[Alarms, Ring | None]:
    """What is to be rung now: news together, else critical trouble that nobody has claimed for a minute."""
    if alarms.news:
        ringing = {name: Open(state, now_s) for name, state, _ in alarms.news if _critical(state)}
        silent = now_s - alarms.rung_s < TOGETHER_S or alarms.left_s(now_s) > 0
        texts = [text for *_, text in alarms.news]
        told = texts[0] if len(texts) == 1 else f"{texts[0]} and {len(texts) - 1} more"
        after = replace(alarms, news=(), ringing=MappingProxyType({**alarms.ringing, **ringing}))
        return (after, None) if silent else (replace(after, rung_s=now_s), Ring(told))
    late = [name for name, one in alarms.ringing.items() if now_s - one.rung_s >= REPEAT_S and one.repeats < REPEATS]
    if not late:
        return alarms, None
    again = {
        name: replace(alarms.ringing[name], rung_s=now_s, repeats=alarms.ringing[name].repeats + 1) for name in late
    }
    after = replace(alarms, ringing=MappingProxyType({**alarms.ringing, **again}))
    if alarms.left_s(now_s) > 0:
        return after, None
    return replace(after, rung_s=now_s), Ring(f"still: {', '.join(late[:3])}: nobody has claimed it")


def _critical(state: str) -> bool:
    return state == "lost" or state_word(state).role is Role.CRITICAL


def _without(ringing: Mapping[str, Open], name: str) -> Mapping[str, Open]:
    return MappingProxyType({one: open_ for one, open_ in ringing.items() if one != name})
