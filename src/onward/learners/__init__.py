"""Learning rules, one a file. Each hands out credit; none updates a weight."""
