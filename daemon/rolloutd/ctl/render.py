"""Turns the daemon's dicts into lines for people; it asks nothing and tolerates words it does not know."""

from __future__ import annotations

TYPE_CHECKING = False  # loading typing for it would cost a tenth of a status line
if TYPE_CHECKING:
    from typing import Any

    Found = dict[str, Any]


def percent(fraction: float | None, digits: int = 1) -> str:
    """A fraction as a percentage, ``?`` when unknown."""
    return "?" if fraction is None else f"{fraction * 100:.{digits}f}%"


def span(seconds: float | None) -> str:
    """A duration in its two largest units, ``never`` when there is none."""
    if seconds is None:
        return "never"
    left = int(seconds)
    found: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        number, left = divmod(left, size)
        if number or (unit == "s" and not found):
            found.append(f"{number}{unit}")
    return "".join(found[:2])


def on_new(found: Found) -> str:
    """The two facts about the share: what was asked, what the router says."""
    observed, confirmed = found["on_new"]["observed"], percent(found["on_new"]["confirmed"])
    if found.get("ended"):
        return f"{confirmed}, as the router confirmed at the end"
    says = "router not read yet"
    if observed is not None:
        says = f"router says {percent(observed)} ({span(found['age_s'].get('router'))} ago)"
    return f"asked {percent(found['on_new']['asked'])}, {says}{_copies(found)}"


def _copies(found: Found) -> str:
    """What of the requests is mirrored, where anything is, or should be."""
    asked, observed = found["on_new"].get("mirror_asked", 0.0), found["on_new"].get("mirror_observed")
    if not asked and not observed:
        return ""
    return f"; copies: asked {percent(asked)}, router {'not read yet' if observed is None else percent(observed)}"


def _value(found: Found, who: str) -> str:
    """A gate's figure of one side: a percentage, or of a mean the figure itself."""
    if found.get("kind") != "mean":
        return percent(found[who], 2)
    return "?" if found[who] is None else f"{found[who]:.4g}"


def gate(found: Found) -> str:
    """One gate in one line."""
    values = f"{_value(found, 'champion')} > {_value(found, 'challenger')}"
    evidence = f"harm {percent(found['harm_evidence'], 0)}, safe {percent(found['safe_evidence'], 0)} of the way"
    blind = f", {found['blind_reason']}" if found.get("blind_reason") else ""
    needs = found.get("needs")
    more = (
        ""
        if not needs
        else f", needs about {needs['requests']['mean']:.0f} more, about {span(needs['time_s']['mean'])}"
    )
    if found.get("delta_kind") == "psi":
        values = found.get("words") or "no answers yet"
        harm, seen = percent(found["harm_evidence"], 0), percent(found["safe_evidence"], 0)
        evidence = f"harm {harm} of the way, {seen} of what is enough"
    return f"{found['metric']}  {found['state'].upper()}{blind}  {values}  {evidence}{more}"


def status(found: Found) -> str:
    """One rollout on a page."""
    stage = found["stage"]
    time = f"{span(stage['elapsed_s'])} of at least {span(stage['min_s'])}"
    revision = f"revision {found['revision']}"
    lines = [
        f"{found['name']}  {word(found['state'])}  {found['champion']} -> {found['challenger']}  {revision}",
        f"  stage    {stage['index'] + 1} of {stage['count']} ({stage['name']}), {time}",
        f"  on new   {on_new(found)}",
    ]
    lines += [f"  gate     {gate(row)}" for row in found["gates"]]
    lines += [f"  segment  {segment(row)}" for row in found.get("segments", [])]
    lines.append(f"  next     {found['next']['sentence']}")
    breach_s = found.get("breach_to_zero_s")
    breach = "" if breach_s is None else f"traffic gone in {breach_s:.1f}s ({found.get('breach_parts', '')})"
    optional = (
        ("breach", breach),
        ("needs", ", ".join(found["blocked_by"])),
        ("held", found.get("held_because")),
        ("fleet", f"held {found['fleet_hold']}" if found.get("fleet_hold") else ""),
        ("claimed", found.get("claimed_by")),
        *(("override", override(row)) for row in found.get("overrides", [])),
        ("asked", asked(found)),
    )
    return "\n".join(lines + [f"  {label:<9}{text}" for label, text in optional if text])


def segment(row: Found) -> str:
    """One segment: what it has of the new version, who took it off, and where a gate found harm in it."""
    if row["isolated"]:
        shown = "" if row["confirmed"] else " (the router does not show it yet)"
        return f"{row['title']}: isolated by {row['by']} {row['at']}{shown}: {row['why']}"
    harm = [f"{g['metric']} harm {g['harm_evidence']:.0%}" for g in row["gates"] if g["harm_evidence"] >= 0.05]
    samples = max((g["challenger_n"] for g in row["gates"]), default=0)
    return f"{row['title']}: {percent(row['share'])} on new, {samples:,} requests{''.join(', ' + h for h in harm)}"


def override(found: Found) -> str:
    """Who went up past what, and why."""
    first = f", asked for by {found['asked_by']}" if found.get("asked_by") else ""
    return f"{found['at']} {found['by']}{first}, past {', '.join(found['gates'])}: {found['reason']}"


def asked(found: Found) -> str:
    """The override that waits for a second admin, with the command to approve it."""
    row = found.get("override_asked")
    if not row:
        return ""
    what = f"{row['by']} asks to {row['verb']} past {', '.join(row['gates'])}: {row['reason']}"
    return f"{what}. Another admin, within {span(row['left_s'])}: rollout approve {found['name']}"


def word(state: str) -> str:
    """A state as the screen writes it."""
    return state.replace("_", " ").replace("-", " ").upper()


def held(found: Found) -> str:
    """That the fleet is held, by whom and why; empty when it is not."""
    hold = found.get("held")
    if not hold:
        return ""
    others = f" and {hold['others']} more" if hold.get("others") else ""
    return f"HOLD by {hold['by']}{others} since {hold['at']}: {hold['reason']}. Nothing goes up; triggers stay armed."


def fleet_action(found: Found) -> str:
    """What came of a verb on the whole fleet."""
    return f"fleet: {found['action']} accepted; {found['message']}."


def reloaded(found: Found) -> str:
    """What a reload came to: what counts from here on, and what needs a restart."""
    return "\n  ".join(["The configuration was read again:", *found["message"].split("; ")])


def fleet(found: Found) -> str:
    """All rollouts, one line each, below the hold of the fleet if there is one."""
    hold = held(found)
    return "\n".join([*([hold] if hold else []), *map(proposed, found.get("proposals", ())), _rows(found)])


def proposed(found: Found) -> str:
    """One proposal in two lines: what, why, and what to press."""
    versions = f"{found['champion']} > {found['challenger']}"
    what = f"PROPOSED {found['name']} {versions} on {found['route']} by {found['strategy']}"
    how = f"rollout approve {found['name']}, or rollout decline {found['name']}"
    return f"{what}: {how}\n  {found['rule']} {found['forecast']}"


def _rows(found: Found) -> str:
    if not found["rollouts"] and found["total"]:
        return f"None of {found['total']} rollouts matches. All of them: rollout list"
    if not found["rollouts"]:
        return "No rollouts. Start one: rollout start FILE. See how it looks: rollout demo"
    rows = [("NAME", "STATE", "STAGE", "ASKED", "ROUTER", "NEXT")]
    for row in found["rollouts"]:
        stage = f"{row['stage'] + 1}/{row['stages']}"
        cells = (row["name"], word(row["state"]), stage, percent(row["asked"]), percent(row["observed"]), row["next"])
        rows.append(cells)
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]]) for row in rows
    ]
    hidden = found["total"] - len(found["rollouts"])
    return "\n".join(lines + ([f"... and {hidden} more: --limit {found['total']}"] if hidden > 0 else []))


def entry(found: Found, name: str = "") -> str:
    """One line of a record."""
    who = f"{found['who']} ({found['via']})" if found.get("via") else found["who"]
    why = f": {found['why']}" if found.get("why") else ""
    return f"{found['at']} {name + ': ' if name else ''}{found['what']}{why}  [{who}]"


def timeline(found: Found) -> str:
    """A record, oldest first."""
    return "\n".join(entry(row) for row in found["entries"]) or f"Nothing is on record for {found['name']} since then."


def why(found: Found) -> str:
    """The decision in words."""
    head = f"{found['name']} is {word(found['state'])}."
    return "\n".join([head, *(f"  {line}" for line in found["lines"]), f"  Next: {found['next']['sentence']}"])


def doctor(found: Found) -> str:
    """One line a check."""
    marks = {True: "ok", False: "NO", None: "??"}
    lines = []
    for check in found["checks"]:
        lines.append(f"{marks.get(check['ok'], '??')}  {check['name']}: {check['detail']}")
        if check.get("next") and not check["ok"]:
            lines.append(f"      next: {check['next']}")
    return "\n".join(lines)


def audit(found: Found) -> str:
    """The last verification, and the head to compare with the system journal's."""
    if found["ok"] is None:
        return f"The chain is being verified since the daemon started; head {found['head_seq']} {found['head_hash']}."
    if not found["ok"]:
        return f"DAMAGED: {found['detail']}"
    when = f"verified {found['verified_at']}" if found["verified_at"] else ""
    lines = [
        f"The chain of {found['checked']} events holds, {when}.",
        f"Head {found['head_seq']}:{found['head_hash']}",
        "Every share change with its outcome, from the file alone: rolloutd audit verify",
    ]
    return "\n".join(lines)


def action(found: Found) -> str:
    """What came of a command."""
    seen = (
        f"the router confirms, {found['took_s']:.1f} s"
        if found["router_confirmed"]
        else "the router has yet to confirm"
    )
    said = f" {found['message']}" if found.get("message") else ""
    return f"{found['name']}: {found['action']} accepted, revision {found['revision']}; {seen}.{said}"


def change(found: Found) -> str:
    """A changed status in one line, for watching."""
    stage = found["stage"]
    return (
        f"{found['as_of']} {found['name']}: {word(found['state'])}, stage {stage['index'] + 1} of {stage['count']},"
        f" {on_new(found)}. Next: {found['next']['sentence']}"
    )
