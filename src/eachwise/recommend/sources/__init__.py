"""Candidate sources, one file each; ``registry.py`` lists them."""
