"""What the benches on real parts share: the parts, the stored past they start from, and the figures; no goal is here."""
