"""Stores, channels and clocks: the only code that knows a vendor."""
