"""Tests of the checks before traffic, each against the real thing: a process, a server, a load."""
