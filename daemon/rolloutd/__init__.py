"""The daemon that moves a new model version into production beside the old one; importing it must do nothing."""

__version__ = "0.1.0"
