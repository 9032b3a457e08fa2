"""Hostile input by the million, from a seed."""
