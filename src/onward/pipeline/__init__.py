"""Blocks of a net spread over processes: activities go forward, nothing comes back."""
