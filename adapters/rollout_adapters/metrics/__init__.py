"""Eyes of the daemon, one metric system a file; a source reports raw counters or why it has none; it never judges."""
