"""The pure heart: values in, events and effects out; no clock, no I/O, no logging, no randomness and no asyncio in here."""
