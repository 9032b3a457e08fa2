"""Real programs and small servers for tests, benches and the demo: each starts, says when it is ready, and stops."""
