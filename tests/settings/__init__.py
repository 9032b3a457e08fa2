"""Tests of the files that people write: lines, keys, faults, the example, and what becomes of it all."""
