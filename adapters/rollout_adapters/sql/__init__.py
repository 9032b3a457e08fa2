"""SQL as a metric source: counts of ripe requests by arm, from SQLite or PostgreSQL, read-only."""
