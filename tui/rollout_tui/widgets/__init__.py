"""Pieces of the screen: pure functions from facts to lines, and the one widget that paints lines."""
