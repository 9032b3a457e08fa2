"""What goes over the socket about proposals: versions that ask to be rolled out and wait for a person's yes.

Like the rest of the wire: fields are only added within a schema number.
"""

from __future__ import annotations

from rolloutd.wire_plan import PlanModel


class Proposed(PlanModel):
    """One open proposal. ``revision`` is what an approval of it names; ``name`` is what its rollout will be called.

    ``strategy`` is the recommended one, ``rule`` why, ``forecast`` what its first stage would take at that moment.
    """

    name: str
    model: str
    route: str
    champion: str
    challenger: str
    strategy: str
    rule: str
    forecast: str
    registry: str
    at: str
    revision: int
