"""Tests of SQL as a metric source, on real SQLite files and a real PostgreSQL."""
