"""Mutation testing: small wrong changes to one module, one at a time, and whether a test notices each of them."""
