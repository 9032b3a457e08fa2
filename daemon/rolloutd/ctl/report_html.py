"""A report as one HTML file that asks nobody for anything: no script, style sheet, font or picture from outside.

The charts are SVG within it. Whatever a name or a reason holds is text here, never markup.
"""

from __future__ import annotations

from html import escape
from typing import Any

from rolloutd.ctl.render import percent, span
from rolloutd.ctl.report_text import Rows, sections

Found = dict[str, Any]
WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 760, 220, 64, 26, 12
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; padding: 0 1rem;
  color: #1b1b1b; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid #ddd }
.outcome { font-size: 1.1rem; border-left: .4rem solid #075ddb; padding: .4rem .8rem; background: #f4f6f9 }
.outcome.bad { border-color: #d14401 }
table { border-collapse: collapse; width: 100%; font-size: .9rem }
th, td { text-align: left; padding: .25rem .6rem .25rem 0; vertical-align: top; border-bottom: 1px solid #eee }
td { overflow-wrap: anywhere } svg { width: 100%; height: auto } figure { margin: 1rem 0 }
figcaption { font-size: .85rem; color: #444 }
@media (prefers-color-scheme: dark) { body { color: #e6e6e6; background: #121212 } .outcome { background: #1d2127 }
  h2, th, td { border-color: #333 } figcaption { color: #bbb } }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(found: Found) -> str:
    """The whole file."""
    bad = "" if found["phase"] in ("done", "running", "watching", "preflight", "finishing") else " bad"
    facts = [
        f"{found['model']} {found['champion']} > {found['challenger']} on {found['route']}, plan {found['strategy']}",
        f"started by {found['started_by']} {found['started_at']}, {span(found['lasted_s'])} in all",
        f"as of {found['as_of']}",
        *(f"{label}: {found[key]}" for label, key in (("reason", "reason"), ("rule", "rule")) if found[key]),
    ]
    charts = [ladder(found), *(chart for series in found["series"] if (chart := course(series, found)))]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(found['name'])}: {escape(found['phase'].replace('_', ' '))}</title>",
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(found['name'])}</h1>",
        f'<p class="outcome{bad}">{escape(found["sentence"])}</p>',
        *(f"<p>{escape(fact)}</p>" for fact in facts),
        *charts,
        *(f"<h2>{escape(title)}</h2>{_table(rows)}" for title, rows in sections(found)),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _table(rows: Rows) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows[1:])
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def ladder(found: Found) -> str:
    """The share over the rollout's own time, as confirmed stages show it."""
    total = max(found["lasted_s"], 1e-9)
    begun = max(0.0, total - sum(stage["stayed_s"] for stage in found["stages"]))
    steps, at = [(0.0, 0.0)], 0.0
    for stage in found["stages"]:
        steps += [(begun, at), (begun, stage["share"])]
        at, begun = stage["share"], begun + stage["stayed_s"]
    steps.append((total, at))
    if found["way_back"] is not None:
        steps.append((total, 0.0))
    line = " ".join(f"{_x(t / total):.1f},{_y(share):.1f}" for t, share in steps)
    ticks = "".join(_tick(part, percent(part, 0)) for part in (0.0, 0.5, 1.0))
    drawn = f'<polyline points="{line}" fill="none" stroke="#B22598" stroke-width="2.5"/>'
    return _figure(ticks + drawn + _times("0s", span(total)), "Share of the challenger by stage")


def course(series: Found, found: Found) -> str:
    """One metric's rate on both sides. A point without a reading is a gap, not a zero."""
    points = series["points"]
    rates = [point[arm] for point in points for arm in ("champion", "challenger") if point[arm] is not None]
    if len(points) < 2 or not rates:
        return ""
    top = max(rates) * 1.15 or 1e-6
    ticks = "".join(_tick(part, percent(part * top, 2)) for part in (0.0, 0.5, 1.0))
    lines = [
        f'<polyline points="{piece}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        for arm, colour, dash in (("champion", "#888", ' stroke-dasharray="5 3"'), ("challenger", "#B22598", ""))
        for piece in _pieces(points, arm, top)
    ]
    said = f"{series['metric']}: {found['challenger']} (line) and {found['champion']} (dashes), part of requests"
    return _figure(ticks + "".join(lines) + _times(points[0]["at"][11:19], points[-1]["at"][11:19]), said)


def _pieces(points: list[Found], arm: str, top: float) -> list[str]:
    """The line in pieces between gaps."""
    pieces: list[list[str]] = [[]]
    for number, point in enumerate(points):
        if point[arm] is None:
            pieces.append([])
        else:
            pieces[-1].append(f"{_x(number / (len(points) - 1)):.1f},{_y(point[arm] / top):.1f}")
    return [" ".join(piece) for piece in pieces if len(piece) > 1]


def _x(part: float) -> float:
    return LEFT + part * (WIDTH - LEFT - 12)


def _y(part: float) -> float:
    return HEIGHT - BOTTOM - part * (HEIGHT - BOTTOM - TOP)


def _tick(part: float, label: str) -> str:
    y = _y(part)
    line = f'<line x1="{LEFT}" x2="{WIDTH - 12}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8884"/>'
    place = f'x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" font-size="12" fill="#777"'
    return f"{line}<text {place}>{escape(label)}</text>"


def _times(first: str, last: str) -> str:
    y = HEIGHT - 6
    return (
        f'<text x="{LEFT}" y="{y}" font-size="12" fill="#777">{escape(first)}</text>'
        f'<text x="{WIDTH - 12}" y="{y}" text-anchor="end" font-size="12" fill="#777">{escape(last)}</text>'
    )


def _figure(drawn: str, said: str) -> str:
    picture = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said, quote=True)}">{drawn}</svg>'
    return f"<figure>{picture}<figcaption>{escape(said)}</figcaption></figure>"
