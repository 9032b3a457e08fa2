"""Tests of the demo: it comes out right, and leaves nothing behind however it ends."""
