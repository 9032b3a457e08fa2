"""The first lines: who and where this is, how old the daemon's last word is, what is asked and what the router shows.

Pure. These lines are never scrolled or covered, and state, shares and link age are never cut from them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rollout_tui import clocks, figures, words
from rollout_tui.lines import Line, Part, Role, Span, clean, crop, fit, line, middle, rule, spread, wrap
from rollout_tui.link import LinkState
from rollout_tui.scene import Room, Scene

if TYPE_CHECKING:
    from rolloutd.wire import Status

BEAT_S = 1.0
"""The daemon tells its sources' ages once a second; between two words a quick source only looks older than it is."""
_LINK_ROLES = {LinkState.LIVE: Role.GOOD, LinkState.LATE: Role.WARNING}


def marked(scene: Scene, lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """The screen with the mark before its first line, whatever that line is."""
    if not scene.mark or not lines:
        return lines
    return (crop(line(Span(scene.mark, Role.WARNING), *lines[0]), scene.width), *lines[1:])


def render_link(scene: Scene) -> Span:
    """The link's state with its age: ``LIVE 1s``, ``LATE 4s``, ``LOST 14s``."""
    state = scene.link
    if state is LinkState.NEVER:
        return Span("NO CONTACT", Role.CRITICAL)
    return Span(f"{state} {figures.age(scene.link_age_s)}", _LINK_ROLES.get(state, Role.CRITICAL))


def render_who(scene: Scene) -> Span:
    """The caller and the role that the daemon gave; READ ONLY stands where it can never be missed."""
    hello = scene.facts.hello
    if hello is None:
        return Span("")
    if scene.facts.read_only:
        return Span(f"{clean(hello.who)} READ ONLY", Role.WARNING)
    role = scene.facts.role_for(scene.facts.name) if scene.on_rollout else hello.role
    return Span(f"{clean(hello.who)}/{clean(role)}")


def render_state(scene: Scene, state: str) -> Span:
    """A state as symbol and word in its role."""
    word = words.state_word(state)
    return Span(f"{word.ascii if scene.look.ascii else word.symbol} {word.word}{scene.stale}", word.role)


def render_fleet_line(scene: Scene) -> Line:
    """Line 1 of the fleet."""
    facts, hello = scene.facts, scene.facts.hello
    host = clean(hello.host) if hello else scene.where
    needs = f"NEEDS YOU {facts.needs_you} of {facts.total}{scene.stale}"
    far: list[Part] = [Span(needs, Role.WARNING if facts.needs_you else Role.GOOD)]
    left: list[Part] = [Span("rolloutd ", Role.STRONG), host, "  ", render_link(scene), "  "]
    if scene.room in {Room.WIDE, Room.NORMAL}:
        left += [scene.look.zone_name, "  ", render_who(scene)]
        far += [*_proposed(scene), "   ", _hold(scene)]
    else:
        left.append(render_who(scene))
    return spread(line(*left), line(*far), scene.first_width)


def _proposed(scene: Scene) -> list[Part]:
    """The versions that wait for a person's yes: the one, or how many."""
    names = scene.facts.beat.proposed if scene.facts.beat else []
    if not names:
        return []
    return ["   ", Span(f"PROPOSED {clean(names[0]) if len(names) == 1 else len(names)}", Role.WARNING)]


def _hold(scene: Scene) -> Span:
    """Whether the fleet is held, and by whom."""
    held = scene.facts.beat.held if scene.facts.beat else None
    if not scene.facts.hold:
        return Span("hold off")
    others = f" +{held.others}" if held and held.others else ""
    return Span("hold ON" + (f" {clean(held.by)}{others}" if held else ""), Role.WARNING)


def render_hosts(scene: Scene) -> Line:
    """Of several hosts those that are not LIVE, each with its age and the reason; nothing where all are, or for one."""
    parts: list[Part] = []
    for host, contact in scene.facts.hosts.items():
        state = contact.link.state(scene.now_s)
        if state is not LinkState.LIVE:
            said = (
                "NO CONTACT" if state is LinkState.NEVER else f"{state} {figures.age(contact.link.age_s(scene.now_s))}"
            )
            why = f" ({clean(contact.link.why)})" if contact.link.why else ""
            parts.append(Span(f"{clean(host)} {said}{why}   ", _LINK_ROLES.get(state, Role.CRITICAL)))
    return line(*parts)


def render_doubts(scene: Scene) -> Line:
    """What makes this screen and the daemon unlike: another major version, or clocks that differ."""
    facts, parts = scene.facts, list[Part]()
    if facts.other_apis:
        theirs = clean(", ".join(facts.other_apis))
        parts.append(Span(words.OTHER_MAJOR.format(ours=words.API, theirs=theirs), Role.WARNING))
    apart = clocks.told(facts.ahead_s)
    if apart:
        parts.append(Span(f"{apart}   ", Role.WARNING))
    return line(*parts)


def render_sources(scene: Scene) -> str:
    """The ages of metric sources and routers; one older than twice its interval and a heartbeat ends in ``?``."""
    beat = scene.facts.beat
    if beat is None:
        return ""
    since_s = scene.now_s - scene.facts.beat_s
    known_s = since_s if scene.link is LinkState.LIVE else 0.0  # a silent daemon is no fault of a source
    parts = []
    for kind, ages in (("metrics", beat.sources), ("router", beat.routers)):
        told = [
            f"{clean(one.name)} idle"
            if one.state == "idle"
            else f"{clean(one.name)} {figures.age(None if one.age_s is None else one.age_s + since_s)}{scene.stale}"
            + (" ?" if one.age_s is None or one.age_s + known_s > 2 * one.every_s + BEAT_S or one.state != "ok" else "")
            for one in ages
        ]
        if told:
            parts.append(f"{kind} {', '.join(told)}")
    if beat.here:
        parts.append("here: " + ", ".join(clean(name) for name in beat.here))
    return "   ".join(parts)


def _shares(scene: Scene, status: Status, *, brief: bool) -> list[Part]:
    """What was asked, what the router shows, how old that is, and whether it was read back and recorded."""
    on_new, mark = status.on_new, scene.stale
    if status.ended and on_new.observed is None:
        return [render_end(status) + mark]
    observed = "unknown" if on_new.observed is None else figures.share(on_new.observed)
    same = on_new.observed is not None and abs(on_new.observed - on_new.asked) < 5e-5
    age = status.age_s.router
    age_text = figures.age(None if age is None else age + scene.now_s - scene.facts.status_s)
    role = Role.PLAIN if same and on_new.confirmed_is_asked else Role.WARNING
    asked = f"asked {figures.share(on_new.asked)}{mark}"
    if brief:
        return [asked, " ", Span(f"router {observed}{mark}{'' if same else ' !'}", role)]
    told = "confirmed" if on_new.confirmed_is_asked else f"NOT CONFIRMED, last {figures.share(on_new.confirmed)}"
    return [asked, "  ", Span(f"router says {observed}{mark} ({age_text}) {told}", role)]


def render_end(status: Status) -> str:
    """Who has the traffic after the end, by the record; the router is not asked any more."""
    if status.outcome == "done":
        return f"{clean(status.challenger)} is the champion now"
    return f"{clean(status.champion)} has all traffic"


def render_rollout_line(scene: Scene, status: Status) -> Line:
    """Line 1 of a rollout: its name gives way, the state, shares and link never do."""
    wide = scene.width >= 120
    far: list[Part] = [render_state(scene, status.state), "  ", *_shares(scene, status, brief=scene.width < 100), "  "]
    far.append(render_link(scene))
    if scene.width >= 80:
        who = render_who(scene)
        far += ["  ", who if wide or scene.facts.read_only else Span(middle(who.text, min(13, len(who.text))))]
    tail = line(*far)
    room = scene.first_width - sum(len(span.text) for span in tail) - 2
    old, new = clean(status.champion), clean(status.challenger)
    long = f"{status.name}  champion {old} > challenger {new}"
    short = f"{status.name} {old} > {new}"
    name = long if len(long) <= room else short if len(short) <= room else middle(status.name, max(5, room))
    return spread(line(Span(name, Role.STRONG)), tail, scene.first_width)


def render_lost(scene: Scene) -> list[Line]:
    """The banner over a picture that is not live."""
    link = scene.facts.detail_link if scene.on_rollout else scene.facts.fleet_link
    status = scene.facts.status if scene.on_rollout else None
    as_of = figures.clock(status.as_of if status else scene.facts.as_of, scene.look.zone, seconds=True)
    abort = scene.keys.key("abort")
    by_hand = clean(status.by_hand) if status and status.by_hand else "rolloutd emergency-abort on its host"
    tries = f" (try {link.tries})" if link.tries else ""
    said = (
        f"NO CONTACT WITH THE DAEMON FOR {figures.age(scene.link_age_s)}. Everything below is from {as_of}.",
        "If the daemon is alive it goes on checking and can still go back by itself.",
        f"Trying again{tries}. Last reason: {clean(link.why) or 'silent for 10 s'}.",
        f"by hand: {by_hand}   {abort}: keep trying to send ABORT (asks first)",
    )
    edge = Span(rule(scene.width, char="#"), Role.CRITICAL)
    inner = [line(Span("# ", Role.CRITICAL), fit(text, scene.width - 4), Span(" #", Role.CRITICAL)) for text in said]
    return [line(edge), *inner, line(edge)]


def render_never(scene: Scene) -> list[Line]:
    """The whole screen while the daemon was never heard: what was tried, who may, what next."""
    link = scene.facts.fleet_link
    tried = f"Tried {scene.where}, {link.tries} times in {figures.age(link.age_s(scene.now_s))}."
    said = (
        words.NOT_CONNECTED, "", f"{tried} Last reason: {clean(link.why) or 'waiting for an answer'}.",
        "Traffic: as the router has it; this screen knows nothing about it.", "",
        "Next:  is the daemon there?        systemctl status rolloutd",
        "       is this the right folder?   rollout tui --socket-dir DIR",
        "       may you open its sockets?   ls -l on the folder: its group may",
        "       just looking?               rollout demo", "",
        "Trying again every 2 s.",
    )  # fmt: skip
    rows = [row for text in said for row in ([text] if len(text) < scene.width else wrap(text, scene.width - 2, 3))]
    return [crop(line(" " + row), scene.width) for row in rows]
