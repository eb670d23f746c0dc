"""What a net allows whose blocks each predict: to judge them, leave early, add, replace, retrain and attack one alone."""
