"""Eachwise decides the next best experience for each individual, time and time again."""

__version__ = "0.1.0"
