"""Tests of telling people: when, in what order, to whom, and never in the way of anything."""
