"""Which requests' late outcomes count: those of one exposure, once they are old enough. Pure; it judges nothing.

A label that comes after hours is counted when its request is as old as the metric says (``ripe``), in both arms
alike: a cohort of requests enters by its age, never because its labels happened to be early. What is counted at a tick
was so asked long before, at another exposure perhaps. So a cohort that saw the exposure change, or the warm-up after
it, counts for nothing; one from before the stage's own exposure speaks of harm, and only one from after it of safety.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rolloutd.core.plan import Gate

MOST_REMEMBERED = 32
"""So many restless times are told apart; past it the oldest two are taken for one, which drops more and never less."""


@dataclass(frozen=True, slots=True)
class Ripening:
    """``restless`` are the times (rollout clock) in which the exposure changed, warmed up or was none, oldest first.

    ``pending`` says that the exposure is changing. ``live_from_ms`` is since when the challenger has requests without
    a break, ``looked_at_ms`` when this was last told of anything.
    """

    restless: tuple[tuple[int, int], ...] = ()
    pending: bool = True
    live_from_ms: int | None = None
    looked_at_ms: int | None = None

    def on_change(self) -> Ripening:
        """The exposure is changing, from now on until the next look."""
        return self if self.pending else replace(self, pending=True)

    def look(self, now_ms: int, oldest_ms: int, *, live: bool, warm_up: bool) -> Ripening:
        """One look at the exposure. What ended before ``oldest_ms``, when the oldest unripe were asked, is forgotten.

        The last restless time is kept: it is the beginning of the present exposure.
        """
        before_ms = now_ms if self.looked_at_ms is None else self.looked_at_ms
        restless = self.restless
        if self.pending or warm_up or not live:
            if restless and restless[-1][1] >= before_ms:
                restless = (*restless[:-1], (restless[-1][0], now_ms))
            else:
                restless = (*restless, (before_ms, now_ms))
        restless = (*(span for span in restless[:-1] if span[1] >= oldest_ms), *restless[-1:])
        if len(restless) > MOST_REMEMBERED:
            restless = ((restless[0][0], restless[1][1]), *restless[2:])
        live_from_ms = (self.live_from_ms if self.live_from_ms is not None else now_ms) if live else None
        return Ripening(restless, pending=False, live_from_ms=live_from_ms, looked_at_ms=now_ms)

    def unripe(self, gate: Gate, now_ms: int) -> bool:
        """Whether no label of the challenger can be due yet, so that there being none is no trouble."""
        patience_ms = gate.template.ripe_ms + 2 * (gate.max_age_ms + gate.every_ms)
        return self.live_from_ms is not None and now_ms - self.live_from_ms <= patience_ms

    def undisturbed(self, asked_from_ms: int, asked_to_ms: int) -> bool:
        """Whether requests that were asked between these times all saw one exposure, and no warm-up."""
        return all(asked_to_ms < begin or end < asked_from_ms for begin, end in self.restless)

    def of_present(self, asked_from_ms: int) -> bool:
        """Whether requests that were asked from then on saw the present exposure alone."""
        return not self.restless or self.restless[-1][1] < asked_from_ms

    def first_ripe_ms(self, ripe_ms: int) -> int | None:
        """When the first request of the present exposure is ripe; None before there is any."""
        if self.live_from_ms is None or not self.restless:
            return None
        return self.restless[-1][1] + ripe_ms


def oldest_asked_ms(gate: Gate, fresh_at_ms: int | None, now_ms: int) -> int:
    """When the requests may have been asked that are ripe since the last usable answer; logs may be late, too."""
    last_ms = now_ms if fresh_at_ms is None else fresh_at_ms
    return last_ms - gate.template.ripe_ms - gate.max_age_ms - gate.every_ms
