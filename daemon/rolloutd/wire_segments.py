"""What goes over the socket about segments: what each has of the new version, and what the gates found in it.

Like the rest of the wire: fields are only added within a schema number, fractions are 0 to 1.
"""

from __future__ import annotations

from rolloutd.wire_plan import PlanModel


class SegmentGate(PlanModel):
    """One gate in one segment. ``harm_evidence`` is the part of the way to the line that this segment alone goes.

    ``alone`` says that the segment shows at least as much by itself as all segments do together.
    """

    metric: str
    champion: float | None
    challenger: float | None
    champion_n: int
    challenger_n: int
    harm_evidence: float
    alone: bool = False


class SegmentNow(PlanModel):
    """One segment of a rollout. ``title`` is label=name; ``share`` its part on the new version, as asked.

    ``isolated`` says that it shall stay on the old one, ``confirmed`` that the router shows it as it shall be.
    """

    name: str
    title: str
    share: float
    isolated: bool = False
    confirmed: bool = True
    by: str = ""
    at: str = ""
    why: str = ""
    gates: list[SegmentGate] = []
