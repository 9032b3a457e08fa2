"""Tests of the rollout command, run as the real console script against the real server."""
