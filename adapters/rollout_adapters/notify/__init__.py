"""Adapters that tell people: one system a file. None of them decides who must be told, and when."""
