"""Tests of forecasts, rehearsals and replays: they say what the real core then does."""
