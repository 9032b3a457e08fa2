"""Tests of the screen: pure pieces without an application, and the whole one against a scripted daemon."""
