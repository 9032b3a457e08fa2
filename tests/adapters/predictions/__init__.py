"""Tests of prediction logs as a metric source."""
