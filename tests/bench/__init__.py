"""Tests of what the benches compare with."""
