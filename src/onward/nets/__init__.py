"""Modules: they hold weights and can be run forward."""
