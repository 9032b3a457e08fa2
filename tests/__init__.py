"""The tests: real programs or the shipped in-memory doubles, never a mock."""
