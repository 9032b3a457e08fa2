"""The arithmetic of gates: pure functions and small values; it must not know rollouts, clocks, traffic or storage.

`proportion` is the door the core comes in by; the other modules each hold one construction, named in their first line.
"""
