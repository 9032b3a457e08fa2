"""Tests of the demo that ships."""
