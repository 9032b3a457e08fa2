"""Rehearses a plan before it runs, or again after it ran: the real core on a virtual clock, with counts from elsewhere.

It drives core/lane.py as the loop does and implements no decision of its own. It talks to no daemon and no router.
"""
