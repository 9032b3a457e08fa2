"""Tests of the loop, the hands and the daemon around the core."""
