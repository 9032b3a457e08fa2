"""Measurements and the live demo; nothing in here is installed, and the product never imports it."""
