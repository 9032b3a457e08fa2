"""``rollout demo``: four rollouts on routers and counters in memory, by the real daemon; nothing real is touched."""

from __future__ import annotations


def main(argv: list[str]) -> int:
    """Run the demo's command line and return its exit code."""
    from rolloutd.simdemo.front import run

    return run(argv)
