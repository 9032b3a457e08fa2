"""Made-up traffic by seed, the shipped evidence run over it, and figures with their standard errors."""
