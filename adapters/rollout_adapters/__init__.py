"""Hands and eyes of the daemon, one outside system a file; an adapter reports and obeys, it never decides."""
