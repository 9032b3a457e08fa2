"""The journal, the evidence beside it, and the text both are made of."""
