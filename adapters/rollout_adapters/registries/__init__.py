"""Model registries, one system a file."""
