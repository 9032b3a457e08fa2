"""Tests of the adapters, each against the real system where there is one."""
