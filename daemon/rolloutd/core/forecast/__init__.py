"""What a plan will take, said before it runs and while it runs: samples, time, and the harm that would be seen.

It is made from the tests' own factors at an assumed traffic. It must never be taken for evidence, and decides one thing
only: whether a first stage is worth beginning (rule.py).
"""
