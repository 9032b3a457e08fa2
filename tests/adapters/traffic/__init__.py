"""Tests of the routers: one suite for all, on real engines, and what each alone must do."""
