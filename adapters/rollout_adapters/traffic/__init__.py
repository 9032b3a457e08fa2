"""Adapters for engines that split traffic, one a file. They report what the engine shows and decide nothing."""
