"""Checks before traffic, one kind a file: each answers for one named check and knows none of the others."""
