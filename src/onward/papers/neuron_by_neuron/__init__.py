"""Learning to solve architecture-sensitive problems neuron by neuron (Wilamowski and Yu, 2010)."""
