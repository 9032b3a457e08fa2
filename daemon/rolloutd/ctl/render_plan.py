"""Turns forecasts, rehearsals and replays into lines for people; it calculates nothing."""

from __future__ import annotations

from typing import Any

from rolloutd.ctl.render import percent, span

Found = dict[str, Any]
_DECISIONS = {
    "go": "can start as it is",
    "replanned": "can start with a larger first share",
    "refused": "is REFUSED",
    "unknown": "can start; its traffic is not known",
}


def count(number: float | None) -> str:
    """A count that is easy to read: 37, 4.1k, 2.6M."""
    if number is None:
        return "?"
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g}{unit}"
    return f"{number:.0f}"


def outlook(found: Found) -> str:
    """The forecast of a plan."""
    lines = [f"{found['name']} {_DECISIONS.get(found['decision'], found['decision'])}.", f"  rule     {found['rule']}"]
    for row in found["traffic"]:
        bursty = f", errors in bursts of about {row['phi']:.2g}" if row["phi"] > 1 else ""
        rate = percent(row["champion_rate"], 3)
        lines.append(
            f"  traffic  {row['metric']}: {row['rps']:.4g} requests a second, {rate} bad{bursty} ({row['basis']})"
        )
    if found.get("read_by"):
        lines.append(f"  read by  {found['read_by']}")
    for stage in found["stages"]:
        lines += _stage(stage, len(found["stages"]))
    if found["total_s"] is not None:
        lines.append(f"Whole plan {_both(found['total_s'])}, undecided somewhere with odds of {_rest(found)}.")
    elif found["stages"]:
        lines.append("Whole plan: some stage never decides by itself.")
    lines += [f"Warning: {text}" for text in found["warnings"]]
    lines.append(
        "Times are means, and in brackets what nine of ten stay under, for a challenger as good as the champion."
    )
    return "\n".join(lines)


def _rest(found: Found) -> str:
    return percent(1.0 - found["odds_in_time"], 1)


def _stage(stage: Found, stages: int) -> list[str]:
    limits = f"{span(stage['min_s'])} to {span(stage['max_s'])}"
    stay = "never decides" if stage["stay_s"] is None else f"about {_both(stage['stay_s'])}"
    slow = f", slowest gate {stage['slowest']}" if stage["slowest"] else ""
    late = (
        ""
        if stage["decides"]
        else f"  NOT IN TIME: undecided with odds of {_rest(stage)}, then {stage['on_undecided']}"
    )
    head = (
        f"{stage['index'] + 1} of {stages} {stage['name']}  {percent(stage['share'], 2)}, {stage['rps']:.3g} a second, "
        f"{limits}: {stay}{slow}{late}"
    )
    return [head, *(_gate(gate) for gate in stage["gates"])]


def _gate(gate: Found) -> str:
    name = f"    {gate['metric']:<10}"
    if not gate["compared"]:
        limit = "its limit still counts" if gate["limit"] is not None else "only watched"
        return f"{name}not compared: the champion has no traffic; {limit}"
    if gate["requests"] is None:
        passes = "never passes at this rate"
    else:
        needed = f"{count(gate['requests']['mean'])} ({count(gate['requests']['p90'])})"
        passes = f"passes after {needed} requests, {_both(gate['time_s'])}"
    if gate["smallest_harm"] is None:
        sees = "sees no harm in time"
    else:
        sees = f"sees x{gate['smallest_harm']:.2f} ({percent(gate['smallest_harm_rate'], 2)}) or worse in time"
    twice = f", x2 in {_both(gate['twice_s'])}" if gate["twice_s"] is not None else ""
    return f"{name}{passes}; {sees}{twice}"


def _both(found: Found) -> str:
    return f"{span(found['mean'])} ({span(found['p90'])})"


def simulation(found: Found) -> str:
    """The odds of many rehearsals."""
    lines = [f"{found['name']}, {found['runs']} rollouts on made-up traffic, seed {found['seed']}."]
    for kind in ("rollback", "promotion", "undecided"):
        end = found[kind]
        lines.append(f"  {kind:<10} {percent(end['odds'])} (+-{percent(end['odds_error'])}){_took(end)}")
    for metric, number in found["rolled_back_by"].items():
        lines.append(f"             {number} by {metric}")
    for reason, number in found["undecided_because"].items():
        lines.append(f"             {number} because {reason}")
    exposed = found["exposed"]
    lines.append(
        f"  exposed    {_spread(exposed['users'])} users; the challenger answered {_spread(exposed['requests'])}"
    )
    for metric, spread in exposed["bad_answers"].items():
        lines.append(f"             {_spread(spread)} of them bad by {metric}")
    for stage in found["stages"]:
        stay = "" if stage["stay_s"] is None else f", {span(stage['stay_s']['mean'])} ({span(stage['stay_s']['p90'])})"
        share = percent(stage["share"], 2)
        lines.append(f"  {stage['name']:<10} {share}: {stage['passed']} of {stage['reached']} went on{stay}")
    lines.append("Times and counts are means, and in brackets what nine of ten stay under.")
    return "\n".join(lines)


def _took(end: Found) -> str:
    if end["time_s"] is None:
        return ""
    time = f"{span(end['time_s']['mean'])} ({span(end['time_s']['p90'])})"
    return f" after {time}, {_spread(end['requests'])} requests"


def _spread(found: Found | None) -> str:
    return "no" if found is None else f"{count(found['mean'])} ({count(found['p90'])})"


def replay(found: Found) -> str:
    """What a plan would have done, event by event."""
    lines = [f"{found['name']} by plan {found['strategy']} over {found['ticks']} recorded ticks:"]
    for event in found["events"]:
        why = f": {event['why']}" if event["why"] else ""
        lines.append(f"  {span(event['at_s']):>8}  {event['what']}{why}")
    for metric, gate in found["gates"].items():
        champion, challenger = gate["champion"], gate["challenger"]
        lines.append(
            f"  {metric}: champion {champion[0]} of {champion[1]}, challenger {challenger[0]} of {challenger[1]}; "
            f"log evidence: harm {gate['log_e_harm']:.2f}, safe {gate['log_e_safe']:.2f}"
        )
    lines += [f"Note: {text}" for text in found.get("notes", ())]
    end = f"It would have ended in {found['outcome']}" if found["outcome"] != "undecided" else "It would not have ended"
    because = f": {found['reason']}" if found["reason"] else ""
    lines.append(f"{end}, at {percent(found['share'], 2)} on stage {found['stage'] + 1}{because}.")
    return "\n".join(lines)
