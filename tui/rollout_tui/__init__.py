"""The screen of ``rollout``: an equal client of the sockets; it knows no more of the daemon than a script does."""
