"""Whole rollouts on real engines: the real daemon as a process, real traffic, real kills."""
