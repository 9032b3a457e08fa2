"""What earlier commits of this project wrote, and that today's readers still read it."""
