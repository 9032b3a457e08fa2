"""Tests of the sockets, the server and the access rules, over real sockets with the real server."""
