"""One tick's counts of both arms, checked; it must not know where the counts came from."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Increment:
    """Requests and errors ("bad") that each arm added between the same two scrapes.

    Raises ValueError unless 0 <= bad <= n in both arms.
    """

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

    @property
    def bad(self) -> int:
        """Errors of both arms together."""
        return self.champion_bad + self.challenger_bad

    def __add__(self, other: Self) -> "Increment":
        """The counts of two ticks as one."""
        return Increment(
            self.champion_n + other.champion_n,
            self.champion_bad + other.champion_bad,
            self.challenger_n + other.challenger_n,
            self.challenger_bad + other.challenger_bad,
        )


def refuse_buckets(challenger: int, champion: int, expected: int) -> ValueError:
    """The error for a tick whose bins are not those the evidence was started with."""
    return ValueError(
        f"A tick of {challenger} challenger and {champion} champion bins cannot be added to evidence on {expected}. It "
        "was left out and traffic is as before. Keep a metric's bins for the whole rollout, or start its evidence anew."
    )
