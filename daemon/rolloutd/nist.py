"""What one rollout's record can evidence of the NIST AI RMF 1.0, and what it cannot: one table. Pure.

The outcomes are in our own words. A record supplies evidence for an outcome; it does not make anybody conform. A row
without evidence says why: nothing is claimed for being configured if the record does not show that it happened.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rolloutd.core.events import GateOverridden, Recorded, RolloutHeld, StageApproved
from rolloutd.core.outside_events import RegistryTold
from rolloutd.core.state import Rollout
from rolloutd.core.values import ActorKind, format_duration
from rolloutd.pictures import Audit
from rolloutd.wire_report import Evidence, EvidenceRow, Report

FRAMEWORK = "nist-ai-rmf"
OUT_OF_REACH = (
    "GOVERN 2.2, 3.1, 5.1, 5.2: people, training and engagement",
    "MAP 1.2, 3.4, 5.2: teams, proficiency and engagement",
    "MEASURE 2.2, 2.10, 3.3: human subjects, privacy and feedback, beyond links to tickets in a reason",
)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a row may look at."""

    rollout: Rollout
    history: tuple[Recorded, ...]
    report: Report
    audit: Audit


Finder = Callable[[Case], str]
"""The evidence as a sentence, empty where the record has none."""


def evidence_of(case: Case) -> Evidence:
    """The whole table for one rollout."""
    rows = []
    for subcategory, outcome, finder, missing in ROWS:
        found = finder(case)
        rows.append(
            EvidenceRow(
                subcategory=subcategory,
                outcome=outcome,
                evidenced=bool(found),
                evidence=found or f"not evidenced: {missing}",
            )
        )
    return Evidence(
        framework=FRAMEWORK,
        rollout=case.report.name,
        as_of=case.report.as_of,
        rows=rows,
        out_of_reach=list(OUT_OF_REACH),
        note="Evidence for outcomes from one rollout's record; it does not make an organisation conform.",
    )


def _plan(case: Case) -> str:
    plan = case.rollout.spec.plan
    stages = " > ".join(str(stage.share) for stage in plan.stages)
    return f"strategy {plan.strategy} ({case.rollout.spec.change} change): {stages}; gates {_gates(case)}"


def _gates(case: Case) -> str:
    return ", ".join(gate.metric for gate in case.rollout.spec.plan.gates)


def _who(case: Case) -> str:
    people = sorted({row.actor.name for row in case.history if row.actor.kind is ActorKind.PERSON})
    return f"started by {case.report.started_by}; people in the record: {', '.join(people)}" if people else ""


def _thresholds(case: Case) -> str:
    plan = case.rollout.spec.plan
    limits = [f"{gate.metric} never above {gate.limit:.3g}" for gate in plan.gates if gate.limit is not None]
    return "; ".join([f"alpha {plan.alpha:g} for the rollout, beta {plan.beta:g} a stage", *limits])


def _automatic(case: Case) -> str:
    daemon = sum(row.actor.kind is ActorKind.DAEMON for row in case.history)
    own = f"{daemon} of {len(case.history)} events are the daemon's own, the rest carry a person"
    return f"{own}; {len(case.report.overrides)} overrides"


def _signed(case: Case) -> str:
    yes = [row for row in case.history if isinstance(row.event, StageApproved | GateOverridden)]
    asked = [done for done in case.rollout.checks if done.by.kind is ActorKind.PERSON]
    said = [f"{row.actor.name} at revision {row.version}" for row in yes] + [f"{d.by.name}: {d.detail}" for d in asked]
    return f"yes of {'; '.join(said)}" if said else ""


def _overrides(case: Case) -> str:
    found = [f"{moment.what} by {moment.by}: {moment.why}" for moment in case.report.overrides]
    return "; ".join(found)


def _results(case: Case) -> str:
    counted = [g for g in case.report.gates if g.challenger_n]
    told = [
        f"{g.metric} {g.challenger:.6g} against {g.champion:.6g} on average"
        if g.kind == "mean" and g.challenger is not None and g.champion is not None
        else f"{g.metric} {g.words or 'no figures'} of {g.challenger_n} against {g.champion_n} answers"
        if g.kind == "drift"
        else f"{g.metric} {g.challenger_bad} of {g.challenger_n} against {g.champion_bad} of {g.champion_n}"
        for g in counted
    ]
    return "; ".join(told)


def _stages(case: Case) -> str:
    told = [f"{s.name} {s.share:.2%} for {format_duration(int(s.stayed_s * 1000))}" for s in case.report.stages]
    return "; ".join(told)


def _incidents(case: Case) -> str:
    found = [f"{one.what} ({one.why})" for one in case.report.incidents]
    back = case.report.way_back
    if back is not None:
        found.append(
            f"went back ({back.cause}) at {back.decided_at}, router at 0% at {back.zero_at or 'no time on record'}"
        )
    return "; ".join(found)


def _way_back(case: Case) -> str:
    back = case.report.way_back
    return f"from the decision to the router's own 0%: {back.took_s:.2f} s" if back and back.took_s is not None else ""


def _before(case: Case) -> str:
    return "; ".join(f"{c.check} {'passed' if c.passed else 'did not pass'}: {c.detail}" for c in case.report.checks)


def _data(case: Case) -> str:
    offline = [c.detail for c in case.report.checks if " on " in c.detail]
    queries = [f"{gate.metric} from {gate.source} ({gate.template.name})" for gate in case.rollout.spec.plan.gates]
    return "; ".join([*offline, *queries])


def _chain(case: Case) -> str:
    if not case.audit.ok:
        return ""
    return f"hash chain verified at {case.audit.verified_at} over {case.audit.checked} events"


def _watch(case: Case) -> str:
    last = case.rollout.spec.plan.last
    stay = next((stage for stage in case.report.stages if stage.index == last), None)
    return f"watch at {stay.share:.2%} for {format_duration(int(stay.stayed_s * 1000))}, champion warm" if stay else ""


def _left_open(case: Case) -> str:
    open_gates = [g.metric for g in case.report.gates if g.said != "pass"]
    return f"not shown safe at the end: {', '.join(open_gates)}" if open_gates else ""


def _ended(case: Case) -> str:
    return case.report.sentence if case.rollout.end is not None else ""


def _by_hand(case: Case) -> str:
    held = [
        f"{row.actor.name}: {row.event.reason}"
        for row in case.history
        if isinstance(row.event, RolloutHeld) and row.actor.kind is ActorKind.PERSON
    ]
    back = case.rollout.recede
    if back is not None and back.by.kind is ActorKind.PERSON:
        held.append(f"{back.by.name} gave the traffic back: {back.reason}")
    return "; ".join(held)


def _by_segment(case: Case) -> str:
    by = [f"{gate.metric} in each {gate.by}" for gate in case.rollout.spec.plan.gates if gate.by and case.report.stages]
    return f"harm was looked for by segment: {', '.join(by)}" if by else ""


def _registry(case: Case) -> str:
    told = [row.event for row in case.history if isinstance(row.event, RegistryTold)]
    return "; ".join(told[-1].wrote) if told else ""


def _models(case: Case) -> str:
    spec = case.rollout.spec
    return f"{spec.model} on route {spec.route}: {spec.champion} and {spec.challenger}"


def _fallback(case: Case) -> str:
    return "; ".join(f"{one.what} ({one.why})" for one in case.report.incidents)


NOBODY_SIGNED = "nobody had to sign, or nobody did"
NOTHING_BEFORE = "no named check before traffic was asked for"
NEVER_BACK = "it never had to go back"
SEE_STATS = "see rollout stats, which reviews gates over rollouts"
NO_COUNTS = "no gate's counts are kept of it"
ROWS: tuple[tuple[str, str, Finder, str], ...] = (
    ("GOVERN 1.3", "effort fits risk tolerance", _plan, "no plan"),
    ("GOVERN 1.4", "process and outcomes are open and by policy", _ended, "it has not ended"),
    ("GOVERN 1.5", "monitoring planned, roles defined", _who, "nobody's name is in the record"),
    ("GOVERN 1.6", "inventory of AI systems", _models, "no model"),
    ("GOVERN 1.7", "safe decommissioning", lambda _: "", "the old version's retirement is not in a rollout's record"),
    ("GOVERN 2.1", "roles and communication lines documented", _who, "nobody's name is in the record"),
    ("GOVERN 2.3", "leaders own risk decisions", _signed, NOBODY_SIGNED),
    ("GOVERN 3.2", "human and automatic roles apart", _automatic, "no events"),
    ("GOVERN 4.1", "safety first", _stages, "it had no stage"),
    ("GOVERN 4.3", "testing, incident finding, sharing", _results, NO_COUNTS),
    ("GOVERN 6.2", "contingency for third-party failures", _fallback, "nothing failed around it"),
    ("MAP 1.5", "risk tolerance documented", _thresholds, "no thresholds"),
    ("MAP 2.3", "experiment design", lambda c: c.rollout.rule, "no forecast was made at the start"),
    ("MAP 3.5", "human oversight processes defined", _signed, NOBODY_SIGNED),
    ("MAP 4.2", "internal controls for components", _plan, "no gates"),
    ("MEASURE 1.1", "metrics selected, what is not measured is stated",
     lambda c: f"measured: {_gates(c)}; segments and answer quality only where a gate names them", "no gates"),
    ("MEASURE 1.2", "metrics and controls re-assessed", lambda _: "", SEE_STATS),
    ("MEASURE 2.1", "test sets, metrics, tools documented", _data, "no gates"),
    ("MEASURE 2.3", "performance in deployment-like conditions", _results, NO_COUNTS),
    ("MEASURE 2.4", "behaviour monitored in production", _stages, "it had no stage"),
    ("MEASURE 2.5", "valid and reliable before deployment", _before, NOTHING_BEFORE),
    ("MEASURE 2.6", "fails safely, response times", _way_back, NEVER_BACK),
    ("MEASURE 2.7", "security and resilience evaluated", lambda _: "",
     "fault tests are the program's (docs/safety.md), not a rollout's"),
    ("MEASURE 2.8", "transparency and accountability", _chain, "the chain was not verified, or is broken"),
    ("MEASURE 2.11", "fairness evaluated", _by_segment, "no gate of this rollout is judged by segment"),
    ("MEASURE 2.12", "environmental impact", lambda _: "", "no consumption is recorded"),
    ("MEASURE 2.13", "effectiveness of measurement evaluated", lambda _: "", SEE_STATS),
    ("MEASURE 3.1", "risks tracked over time", _watch, "it did not come to its watch"),
    ("MEASURE 4.2", "results validated with experts", _signed, NOBODY_SIGNED),
    ("MEASURE 4.3", "improvements or declines documented", _results, NO_COUNTS),
    ("MANAGE 1.1", "go or no-go decided", _ended, "it has not ended"),
    ("MANAGE 1.3", "responses to high-priority risks planned", _thresholds, "no triggers"),
    ("MANAGE 1.4", "residual risk documented", lambda c: _overrides(c) or _left_open(c),
     "nothing was waived or left open"),
    ("MANAGE 2.2", "value of deployed systems sustained", _watch, "it did not come to its watch"),
    ("MANAGE 2.3", "response to previously unknown risk", _by_hand, "no person stopped it"),
    ("MANAGE 2.4", "means to supersede, disengage, deactivate", _way_back, NEVER_BACK),
    ("MANAGE 3.2", "pre-trained models monitored", lambda _: "",
     "the record does not know what a model was trained from"),
    ("MANAGE 4.1", "post-deployment monitoring plan", _watch, "it did not come to its watch"),
    ("MANAGE 4.2", "measurable improvement in updates", _registry, "no registry was told; see rollout stats"),
    ("MANAGE 4.3", "incidents communicated, tracked, recovered", _incidents, "there was no incident"),
)  # fmt: skip
