"""The pure heart: values in, events and effects out; no clock, no I/O, no log, no chance and no event loop in here."""
