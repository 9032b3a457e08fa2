"""What the benches on real parts share: parts, a stored past to start from, figures; no goal is here."""
