"""Files that survive: written whole or not at all, read only if not one bit has changed, and never by running code."""
