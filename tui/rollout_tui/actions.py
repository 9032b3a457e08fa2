"""What an action key leads to: sent at once, a strip that asks, or a sentence that says why not. Pure.

Made from the daemon's table of verbs. It is a courtesy to the person: rights, gates and revisions are decided by the
daemon. What lowers or freezes exposure goes out at once on the rollout's own screen; what raises it is always asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rollout_tui import figures, words
from rollout_tui.facts import Facts, host_of, real_name
from rollout_tui.lines import clean
from rollout_tui.link import LinkState
from rollout_tui.segmenting import ON_SEGMENT, on_segment
from rollout_tui.strip import Send, Step, Strip
from rolloutd.verbs import BY_NAME, Risk, VerbRow

if TYPE_CHECKING:
    from rolloutd.wire import FleetRow, GateNow, StageRow, Status

TRY_S = 60.0
_ROLES = ("nobody", "viewer", "operator", "admin")
_SAFE = {Risk.LOWERS, Risk.FREEZES}
REVIVING = frozenset({"reopen", "rollback"})
"""What takes up again what has ended."""
GOES_ON = frozenset({"resume", "reapply"})
"""What lets the schedule go on where it stands: no gate has to pass for it, but none may show harm or see nothing."""


@dataclass(frozen=True, slots=True)
class Say:
    """Nothing was sent, and this is why."""

    text: str


@dataclass(frozen=True, slots=True)
class NeedsStatus:
    """The strip needs the rollout's present status first; nothing else is known to be against it."""

    row: VerbRow
    name: str


@dataclass(frozen=True, slots=True)
class Begins:
    """The wizard opens; nothing is sent by that."""


Led = Send | Strip | Say | NeedsStatus | Begins


def covers(role: str, needed: str) -> bool:
    """Whether someone with ``role`` may do what ``needed`` may; an unknown role may do nothing."""
    return role in _ROLES and _ROLES.index(role) >= _ROLES.index(needed)


def command(verb: str, name: str, revision: int | None = None) -> str:
    """The command line that does the same."""
    host, there = host_of(name), real_name(name)
    way = f"ssh {host} " if host else ""
    return f"{way}rollout {verb} {there}".rstrip() + (f" --if-revision {revision}" if revision is not None else "")


def lead(
    row: VerbRow, facts: Facts, name: str, *, in_fleet: bool, status: Status | None, now_s: float, segment: str = ""
) -> Led:
    """What pressing ``row``'s key on rollout ``name`` leads to. ``status`` is the one on the screen, if any."""
    if not row.built:
        return Say(words.NOT_BUILT.format(verb=row.verb))
    if not row.on_rollout:
        return _fleet_wide(row, facts, now_s)
    if not name:
        return Say(words.NO_ROLLOUT_HERE)
    state = facts.link_of(name).state(now_s) if in_fleet else facts.detail_state(now_s)
    if state in {LinkState.LOST, LinkState.NEVER}:
        return _without_contact(row, name, state, now_s)
    if row.verb in REVIVING:
        return _reviving(row, facts, name, status, now_s)
    fleet_row = facts.rows.get(name)
    if (status or fleet_row) and (status.ended if status else fleet_row is not None and fleet_row.ended):
        return Say(words.ENDED.format(name=name, verb=row.verb))
    if row.verb in ON_SEGMENT:
        return _on_segment(row, facts, name, None if in_fleet else status, now_s, segment)
    return _on_live(row, facts, name, status, now_s, fleet_row if in_fleet else None, in_fleet=in_fleet)


def _on_live(
    row: VerbRow,
    facts: Facts,
    name: str,
    status: Status | None,
    now_s: float,
    fleet_row: FleetRow | None,
    *,
    in_fleet: bool,
) -> Led:
    """On a live rollout: what raises is asked, what lowers or freezes goes out, named first where a cursor points."""
    if row.risk is Risk.RAISES:
        return _raising(row, facts, name, status, now_s)
    if in_fleet and row.risk in _SAFE:
        return _naming(row, fleet_row, name, now_s)
    from rolloutd.wire import ActionRequest

    return Send(name, row.verb, ActionRequest())


def _on_segment(row: VerbRow, facts: Facts, name: str, status: Status | None, now_s: float, segment: str) -> Led:
    if row.risk is Risk.RAISES and (facts.read_only or not covers(facts.role_for(name), row.role)):
        return _not_yours(row, facts, name)
    led = on_segment(row, name, status, segment, now_s)
    return Say(led) if isinstance(led, str) else led


def _reviving(row: VerbRow, facts: Facts, name: str, status: Status | None, now_s: float) -> Led:
    """After the end: reopen what was aborted, roll back what is done. Always with a reason; the daemon checks."""
    if facts.read_only or not covers(facts.role_for(name), row.role):
        return _not_yours(row, facts, name)
    if status is None:
        return NeedsStatus(row, name)
    if not status.ended:
        return Say(words.NOT_ENDED.format(name=name, verb=row.verb))
    title = f"{row.verb.upper()} {name} {clean(status.champion)} > {clean(status.challenger)}"
    told = (f"{row.help[:1].upper()}{row.help[1:]}.", f'CLI: {command(row.verb, name)} --reason "..."')
    raises = row.risk is Risk.RAISES
    revision = status.revision if row.revision else None
    return Strip(name, row.verb, title, told, (Step.REASON, Step.YES), now_s, revision, raises=raises)


def _not_yours(row: VerbRow, facts: Facts, name: str) -> Say:
    """Why this session may not do it."""
    if facts.read_only:
        return Say(words.READ_ONLY)
    told = command(row.verb, name)
    return Say(words.NEEDS_ROLE.format(verb=row.verb, needed=row.role, role=facts.role_for(name), command=told))


def in_past(row: VerbRow, facts: Facts, name: str, now_s: float) -> Strip | None:
    """What stops, pressed while looking at the past: asked, with what holds now. None for everything else."""
    status = facts.status
    if row.verb not in {"abort", "pause"} or status is None or status.ended:
        return None
    share, state = figures.share(status.on_new.asked), words.state_word(status.state).word
    facts_now = (words.PAST_THEN_NOW.format(share=share, state=state), f"CLI: {command(row.verb, name)}")
    return Strip(name, row.verb, f"{row.verb.upper()} {name} NOW", facts_now, (Step.YES,), now_s, raises=False)


def _fleet_wide(row: VerbRow, facts: Facts, now_s: float) -> Led:
    """Hold and release: of all rollouts at once, always asked, with a reason. Start: the wizard asks."""
    if facts.hosts:
        return Say(words.START_PER_HOST if row.verb == "start" else words.PER_HOST.format(verb=row.verb))
    state = facts.fleet_link.state(now_s)
    if state in {LinkState.LOST, LinkState.NEVER}:
        return Say(words.NEVER_KEY if state is LinkState.NEVER else words.LOST_KEY)
    held, hello = facts.beat.held if facts.beat else None, facts.hello
    if row.verb == "hold" and held is not None and hello is not None and held.by == hello.who:
        row = BY_NAME["release"]  # the same key ends what this person began
    if facts.read_only or not covers(facts.role, row.role):
        return _not_yours(row, facts, "")
    if row.verb == "start":
        if hello is not None and not facts.same_major:
            return Say(words.SAME_MAJOR.format(ours=words.API, theirs=hello.api))
        return Begins()
    title = f"{row.verb.upper()} the whole fleet: {row.help}"
    fact = f'{facts.total} rollouts. Triggers stay armed. CLI: rollout {row.verb} --reason "..."'
    raises = row.risk is Risk.RAISES
    return Strip("", row.verb, title, (fact,), (Step.REASON, Step.YES), now_s, raises=raises)


def _without_contact(row: VerbRow, name: str, state: LinkState, now_s: float) -> Led:
    """Only an abort may be tried on; nothing is remembered."""
    if state is LinkState.NEVER:
        return Say(words.NEVER_KEY)
    if row.verb != "abort":
        return Say(words.LOST_KEY)
    title = words.KEEP_TRYING.format(name=name, seconds=int(TRY_S))
    facts = ("The screen shows the past. If the daemon is alive it goes on checking and can go back by itself.",)
    return Strip(name, row.verb, title, facts, (Step.YES,), now_s, trying_s=TRY_S, raises=False)


def _naming(row: VerbRow, fleet_row: FleetRow | None, name: str, now_s: float) -> Strip:
    """A cursor can be one row off: the strip names the rollout, even for what lowers exposure."""
    if fleet_row is None:
        fact = row.help
    elif row.risk is Risk.LOWERS:
        fact = f"{figures.share(fleet_row.asked)} of its traffic goes back to {clean(fleet_row.champion)} at once."
    else:
        fact = f"It stays at {figures.share(fleet_row.asked)}. Triggers stay armed: it can still go back by itself."
    versions = f" {clean(fleet_row.champion)} > {clean(fleet_row.challenger)}" if fleet_row else ""
    title = f"{row.verb.upper()} {name}{versions}"
    return Strip(name, row.verb, title, (fact, f"CLI: {command(row.verb, name)}"), (Step.YES,), now_s, raises=False)


def _raising(row: VerbRow, facts: Facts, name: str, status: Status | None, now_s: float) -> Led:
    """What raises exposure: allowed roles only, always asked, always with the revision on the screen."""
    if facts.read_only:
        return _not_yours(row, facts, name)
    if theirs := facts.api_for(name):
        return Say(words.SAME_MAJOR.format(ours=words.API, theirs=theirs))
    if not covers(facts.role_for(name), row.role):
        return _not_yours(row, facts, name)
    if status is None:
        return NeedsStatus(row, name)
    if row.verb == "reapply" and not by_hand(status):
        raised = status.state == "drift"
        return Say((words.PUT_BACK_BY_ITSELF if raised else words.NO_DRIFT).format(name=name))
    promotes = row.verb not in GOES_ON
    hard = [text for what, text in words.HARD.items() if what in status.blocked_by and (promotes or risen(status))]
    if hard:
        stop = (f"In the way: {'; '.join(hard)}.", "Nobody can override this; mend it first.", "CLI: rollout doctor")
        return Strip(name, row.verb, _title(row, status) + " REFUSED", stop, (), now_s, status.revision)
    against = _against(status, promoting=promotes)
    undecided = [gate for gate in status.gates if gate.state in {"collecting", "not-checked"}]
    title = _title(row, status)
    if against and undecided and promotes:
        against.append("not decided: " + ", ".join(map(_undecided, undecided)))
    if against:
        return _override(row, status, title, against, facts.role_for(name), now_s)
    cli = f"CLI: {command(row.verb, name, status.revision)}"
    if undecided and promotes:
        why = (f"Early, not decided yet: {', '.join(map(_undecided, undecided))}.", cli + ' --reason "..."')
        return Strip(name, row.verb, title, why, (Step.REASON, Step.YES), now_s, status.revision)
    quiet = any(gate.state == "quiet" for gate in status.gates)
    fact = "No gate shows harm, none is blind." if undecided or quiet else "All gates pass."
    if row.verb == "reapply":
        fact = words.BOTH_SHARES.format(theirs=_copied(status, mine=False), ours=_copied(status, mine=True)) + fact
    elif promotes:
        fact += " The minimum time is over."
    return Strip(name, row.verb, title, (fact, cli), (Step.YES,), now_s, status.revision)


def by_hand(status: Status) -> bool:
    """Whether somebody has lowered the share by hand, and the rollout stands there and asks."""
    return status.state == "drift" and status.phase == "held"


def ours(status: Status) -> StageRow:
    """The stage that the rollout is on."""
    return next(stage for stage in status.stages if stage.index == status.stage.index)


def risen(status: Status) -> bool:
    """Whether going on would raise the share: somebody has lowered it, or it has never got there."""
    return any(stage.share > status.on_new.asked for stage in status.stages if stage.index == status.stage.index)


def _copied(status: Status, *, mine: bool) -> str:
    """Our share or the one that was set by hand, with the mirrored part where the stage has one."""
    stage, on_new = ours(status), status.on_new
    share, copies = (stage.share, stage.mirror) if mine else (on_new.asked, on_new.mirror_asked)
    mirrored = f" and {figures.share(copies)} copied" if stage.mirror else ""
    return figures.share(share) + mirrored


def _title(row: VerbRow, status: Status) -> str:
    """The action with its rollout, version and the share before and after."""
    now, who = figures.share(status.on_new.asked), f"{status.name} {clean(status.challenger)}"
    if row.verb == "reapply":
        return f"RE-APPLY our share of {who}: {_copied(status, mine=True)}, not {_copied(status, mine=False)}"
    if row.verb == "resume":
        return f"RESUME {who} " + (
            f"from {now} to {figures.share(ours(status).share)}" if risen(status) else f"at {now}"
        )
    if row.verb != "promote":
        return f"{row.verb.upper()} {who} at {now}"
    following = [stage for stage in status.stages if stage.index == status.stage.index + 1]
    if not following:
        return f"PROMOTE {who}: end the watch, {clean(status.challenger)} becomes champion"
    return f"PROMOTE {who} from {now} to {figures.share(following[0].share)}"


def _says(gate: GateNow) -> str:
    """A gate that speaks against going up."""
    if gate.state == "blind":
        return f"{clean(gate.metric)} BLIND ({clean(gate.blind_reason or 'no data')})"
    change = figures.delta(gate.delta, gate.delta_kind)
    return f"{clean(gate.metric)} FAIL ({change}, harm {figures.evidence(gate.harm_evidence)})"


def _undecided(gate: GateNow) -> str:
    """A gate that has not spoken yet, with what it leans to."""
    harm = f" (harm {figures.evidence(gate.harm_evidence)})" if gate.harm_evidence > 0.5 else ""
    return clean(gate.metric) + harm


def _against(status: Status, *, promoting: bool) -> list[str]:
    """Everything that only an override passes: gates that show harm or see nothing; for a promotion also time."""
    against = [_says(gate) for gate in status.gates if gate.state in {"fail", "blind"}]
    if not promoting:
        return against
    left_s = status.stage.min_s - status.stage.elapsed_s
    if left_s > 0:
        against.append(f"{words.GRAVE['min_time']}, {figures.age(left_s)} left")
    return against + [text for what, text in words.GRAVE.items() if what in status.blocked_by and what != "min_time"]


def _override(row: VerbRow, status: Status, title: str, against: list[str], role: str, now_s: float) -> Strip:
    """Going up against the evidence: admin, the rollout's name typed, and a reason. Triggers stay armed."""
    told = f'{command(row.verb, status.name)} --override --reason "..." --confirm {real_name(status.name)}'
    said = "AGAINST IT: " + "; ".join(against)
    if not covers(role, "admin"):
        facts = (said, f"Override needs the role admin. You are {role}. Ask somebody with it.", f"CLI: {told}")
        return Strip(status.name, row.verb, title + " REFUSED", facts, (), now_s, status.revision)
    facts = (said, "Triggers stay armed: it can go back by itself at once.", f"CLI: {told}")
    steps = (Step.NAME, Step.REASON, Step.YES)
    return Strip(status.name, row.verb, f"OVERRIDE: {title}", facts, steps, now_s, status.revision, override=True)
