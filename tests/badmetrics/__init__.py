"""The catalogue of bad metrics: every way in which a source can mislead, at each kind of gate, and what comes of it."""
