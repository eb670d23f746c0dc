"""What each paper ran and the numbers it printed, as declarations, with its quirks reproduced on purpose and named."""
