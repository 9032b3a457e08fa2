"""Tests of what is installed on a deploy host."""
