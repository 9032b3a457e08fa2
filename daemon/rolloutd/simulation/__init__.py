"""The simulator: the daemon's own core, loop, hands and poller in a made-up world on a virtual clock, and its judges.

It must not decide anything for the daemon, read a real clock, sleep, start a thread, or use chance other than the seed.
"""
