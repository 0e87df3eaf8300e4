"""Formats of projections; one module each, imported when a file of its kind is met."""
