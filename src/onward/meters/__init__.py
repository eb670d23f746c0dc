"""What learning takes, counted exactly: bytes, each named for what it is."""
