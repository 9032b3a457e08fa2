"""Tests of the simulator: it replays, it finds what is broken, and it finds nothing in what is not."""
