"""Tests of the metric sources: one conformance suite, and each source against its own faults."""
