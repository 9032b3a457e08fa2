"""Tests of the answers to questions about counts."""
