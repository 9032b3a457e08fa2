"""One tick's counts of both arms, checked; it must not know where the counts came from."""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Protocol, Self, TypeAlias


class Tick(Protocol):
    """What the tests need of a tick: sizes, errors or events, and whether an error is one of the requests counted."""

    bounded: ClassVar[bool]

    @property
    def champion_n(self) -> float: ...  # noqa: D102
    @property
    def champion_bad(self) -> int: ...  # noqa: D102
    @property
    def challenger_n(self) -> float: ...  # noqa: D102
    @property
    def challenger_bad(self) -> int: ...  # noqa: D102
    @property
    def comparable(self) -> bool: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Increment:
    """Requests and errors ("bad") that each arm added between the same two scrapes.

    Raises ValueError unless 0 <= bad <= n in both arms.
    """

    bounded: ClassVar[bool] = True

    champion_n: int
    champion_bad: int
    challenger_n: int
    challenger_bad: int

    def __post_init__(self) -> None:
        if not (0 <= self.champion_bad <= self.champion_n and 0 <= self.challenger_bad <= self.challenger_n):
            raise ValueError(
                f"The counts of one tick contradict themselves: champion {self.champion_bad} bad of {self.champion_n}, "
                f"challenger {self.challenger_bad} bad of {self.challenger_n}. No evidence was taken from them and "
                "traffic is as before. Check that both counters come from the same scrape and the same series."
            )

    @property
    def comparable(self) -> bool:
        """Whether both arms saw traffic, so that the tick can say anything about their difference."""
        return self.champion_n > 0 and self.challenger_n > 0

    def __add__(self, other: Self) -> "Increment":
        """The counts of two ticks as one."""
        return Increment(
            self.champion_n + other.champion_n,
            self.champion_bad + other.champion_bad,
            self.challenger_n + other.challenger_n,
            self.challenger_bad + other.challenger_bad,
        )


@dataclass(frozen=True, slots=True)
class EventIncrement:
    """Events ("bad") of each arm and what they are counted per ("n"): seconds, requests, instance-seconds.

    A request may have many events or none. Raises ValueError for negative or infinite numbers.
    """

    bounded: ClassVar[bool] = False

    champion_n: float
    champion_bad: int
    challenger_n: float
    challenger_bad: int

    def __post_init__(self) -> None:
        numbers = (self.champion_n, self.champion_bad, self.challenger_n, self.challenger_bad)
        if not all(isfinite(number) and number >= 0 for number in numbers):
            raise ValueError(
                f"The events of one tick contradict themselves: champion {self.champion_bad} in {self.champion_n}, "
                f"challenger {self.challenger_bad} in {self.challenger_n}. No evidence was taken from them and "
                "traffic is as before. Check that both counters come from the same scrape and the same series."
            )

    @property
    def comparable(self) -> bool:
        """Whether both arms were exposed, so that the tick can say anything about their difference."""
        return self.champion_n > 0 and self.challenger_n > 0


AnyTick: TypeAlias = Increment | EventIncrement


def merged(first: AnyTick, second: AnyTick) -> AnyTick:
    """Two ticks of the same kind as one."""
    if isinstance(first, Increment) and isinstance(second, Increment):
        return first + second
    return EventIncrement(
        first.champion_n + second.champion_n,
        first.champion_bad + second.champion_bad,
        first.challenger_n + second.challenger_n,
        first.challenger_bad + second.challenger_bad,
    )


def exchanged(tick: AnyTick) -> AnyTick:
    """The tick with the arms' roles exchanged."""
    if isinstance(tick, Increment):
        return Increment(tick.challenger_n, tick.challenger_bad, tick.champion_n, tick.champion_bad)
    return EventIncrement(tick.challenger_n, tick.challenger_bad, tick.champion_n, tick.champion_bad)


def refuse_buckets(challenger: int, champion: int, expected: int) -> ValueError:
    """The error for a tick whose bins are not those the evidence was started with."""
    return ValueError(
        f"A tick of {challenger} challenger and {champion} champion bins cannot be added to evidence on {expected}. It "
        "was left out and traffic is as before. Keep a metric's bins for the whole rollout, or start its evidence anew."
    )
