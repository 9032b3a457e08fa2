"""The server of tests/server, for the command to talk to."""

from tests.server.conftest import server, service

__all__ = ["server", "service"]
