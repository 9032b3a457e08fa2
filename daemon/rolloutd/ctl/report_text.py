"""A report, statistics and evidence as text and as Markdown; every figure is the daemon's, none is made here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rolloutd.ctl.render import percent, span

Found = dict[str, Any]
Rows = list[list[str]]


def text(found: Found) -> str:
    """One page for a terminal."""
    return "\n".join(_page(found, lambda title: [title.upper()], _columns))


def markdown(found: Found) -> str:
    """The same page as Markdown."""
    return "\n".join([f"# {found['name']}", "", *_page(found, lambda title: ["", f"## {title}", ""], _table)]) + "\n"


def _page(found: Found, head: Any, table: Any) -> Iterator[str]:  # noqa: ANN401 - two small functions, see above
    yield found["sentence"]
    ended = f", ended {found['ended_at']}" if found["ended_at"] else ""
    yield f"{found['model']} {found['champion']} > {found['challenger']} on {found['route']}, plan {found['strategy']}."
    yield f"Started by {found['started_by']} {found['started_at']}{ended}, {span(found['lasted_s'])} in all."
    for label, key in (("Reason", "reason"), ("Rule", "rule"), ("Artefact", "artefact")):
        if found[key]:
            yield f"{label}: {found[key]}"
    for title, rows in sections(found):
        yield from head(title)
        yield from table(rows)


def sections(found: Found) -> list[tuple[str, Rows]]:
    """Each part that has something to say: its title and its rows, the first of which names the columns."""
    parts = [
        ("Stages", stages(found)),
        ("Metrics, whole rollout", gates(found)),
        (
            "Checks before traffic",
            [
                ["check", "result", "by", "found"],
                *(
                    [c["check"], "passed" if c["passed"] else "NOT passed", c["by"], c["detail"]]
                    for c in found["checks"]
                ),
            ],
        ),
        ("The way back", way_back(found)),
        ("Overrides", moments(found["overrides"])),
        ("Pauses and holds", moments(found["pauses"])),
        ("Incidents", moments(found["incidents"])),
        (
            "Record",
            [["when", "who", "what", "why"], *([e["at"], e["who"], e["what"], e["why"]] for e in found["timeline"])],
        ),
    ]
    return [(title, rows) for title, rows in parts if len(rows) > 1]


def stages(found: Found) -> Rows:
    """The ladder with its times."""
    head = [["stage", "share", "entered", "router showed it", "stayed"]]
    return head + [
        [
            f"{stage['index'] + 1} {stage['name']}", percent(stage["share"], 2), stage["entered_at"],
            stage["confirmed_at"] or "never", span(stage["stayed_s"]),
        ]
        for stage in found["stages"]
    ]  # fmt: skip


def gates(found: Found) -> Rows:
    """What each gate counted, with the range of the difference."""
    rows = [["metric", "champion", "challenger", "difference", f"{found['confidence']:.0%} range", "last said"]]
    for gate in found["gates"]:
        if gate.get("words"):
            counts = [f"{gate[f'{arm}_n']} answers" for arm in ("champion", "challenger")]
            rows.append([gate["metric"], *counts, gate["words"], "-", gate["said"] or "-"])
            continue
        if gate["delta"] is None:
            rows.append([gate["metric"], "no figures", "no figures", "-", "-", gate["said"] or "-"])
            continue
        lo_hi = "-" if gate["range"] is None else f"{_points(gate['range'][0])} .. {_points(gate['range'][1])}"
        rows.append(
            [
                gate["metric"],
                _rate(gate, "champion"),
                _rate(gate, "challenger"),
                _points(gate["delta"]),
                lo_hi,
                gate["said"] or "-",
            ]
        )
    return rows


def way_back(found: Found) -> Rows:
    """From the decision to zero."""
    back = found["way_back"]
    rows = [["decided", "cause", "asked the router", "router showed 0%", "took", "challenger served"]]
    if back is not None:
        took = "-" if back["took_s"] is None else f"{back['took_s']:.2f} s"
        served = "-" if back["requests"] is None else f"{back['requests']} requests in all"
        rows.append([back["decided_at"], back["cause"], back["asked_at"] or "-", back["zero_at"] or "-", took, served])
    return rows


def moments(found: list[Found]) -> Rows:
    """What somebody did or what happened."""
    head = [["when", "what", "why", "by", "lasted"]]
    return head + [[one["at"], one["what"], one["why"], one["by"], _lasted(one["lasted_s"])] for one in found]


def _lasted(seconds: float | None) -> str:
    return "-" if seconds is None else span(seconds)


def _rate(gate: Found, arm: str) -> str:
    return f"{percent(gate[arm], 3)} ({gate[f'{arm}_bad']} of {gate[f'{arm}_n']})"


def _points(difference: float) -> str:
    return f"{difference * 100:+.3f}pp"


def _columns(rows: Rows) -> Iterator[str]:
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _table(rows: Rows) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in row)} |"
        if number == 0:
            yield f"|{'---|' * len(row)}"


def stats(found: Found) -> str:
    """The success measures, for people."""
    none = "no rollout with traffic has ended"
    rate = none if found["change_fail_rate"] is None else percent(found["change_fail_rate"], 1)
    counts = f"{found['requested']} rollouts, {found['a_week']:.1f} a week"
    ends = f"{found['done']} done, {found['rolled_back']} rolled back, {found['aborted']} aborted"
    lines = [
        f"Since {found['since']} ({found['days']:.0f} days): {counts}.",
        f"  ended        {ends}, {found['refused']} refused; {found['live']} live",
        f"  change fail  {rate} ({found['failed']})",
        f"  to restore   {_spread(found['to_restore'])}, from the decision to the router's own 0%",
        f"  to full      {_spread(found['to_full'])}, from the request to the last stage's share",
        f"  lead time    {_spread(found['lead_time'])}, from the request to done",
        f"  two versions ran beside each other for {found['two_versions_h']:.1f} h",
        f"  overrides    {found['overrides']}; {found['overrides_then_bad']} of their rollouts failed",
        f"  affected     {_affected(found['affected'])}",
        *map(_route, found["uptime"]),
        *map(_gate, found["gates"]),
        *[_unseen(gate) for gate in found["gates"] if gate["unseen"] is not None],
    ]
    if found["counted"] < found["requested"]:
        lines.append(f"  (requests were counted in the newest {found['counted']})")
    return "\n".join(lines)


def _route(route: Found) -> str:
    good = "-" if route["good"] is None else percent(route["good"], 3)
    return f"  route        {route['route']}: {good} of {route['requests']} requests were good while rollouts ran"


def _gate(gate: Found) -> str:
    return (
        f"  gate         {gate['metric']}: took {gate['went_back']} of {gate['rollouts']} back; "
        f"{gate['taken_for_false']} of these versions came later after all, {gate['missed']} it let through "
        f"were taken back, {gate['overridden']} passed by"
    )


def _affected(found: Found) -> str:
    if not found["rollouts"]:
        return "nobody: no version with traffic failed"
    of = f"{found['counted']} of {found['rollouts']} versions that failed"
    return f"{found['requests']} requests were answered by {of}, {found['more_bad']} more of them bad than otherwise"


def _unseen(gate: Found) -> str:
    known = gate["unseen"]
    half, worst, sure = _pp(known["half"]), _pp(known["worst"]), percent(known["confidence"], 0)
    return (
        f"  power        {gate['metric']}: of {known['rollouts']} that it let through, half may be {half} worse at "
        f"most and one {worst}, unseen ({sure} sure, {known['requests']} requests)"
    )


def _pp(part: float) -> str:
    return f"{100 * part:.3g} pp"


def _spread(found: Found) -> str:
    if not found["count"]:
        return "none yet"
    return f"{span(found['p50_s'])} (nine of ten {span(found['p90_s'])}, {found['count']} of them)"


def evidence(found: Found) -> str:
    """A framework's table as Markdown, which also reads well on a terminal."""
    lines = [f"# {found['rollout']}: evidence for {found['framework']}, {found['as_of']}", "", found["note"], ""]
    rows = [["subcategory", "outcome, in short", "evidence"]]
    rows += [[row["subcategory"], row["outcome"], row["evidence"]] for row in found["rows"]]
    lines += _table(rows)
    lines += ["", "Out of reach for a rollout's record:", "", *(f"- {line}" for line in found["out_of_reach"])]
    return "\n".join(lines)
