"""Eachwise decides the next best experience for each individual, time and time again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eachwise.bootstrap import Engine
    from eachwise.settings import Settings

__all__ = ["Engine", "Settings", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Load the public names on first use: ``import eachwise`` itself costs nothing."""
    if name == "Engine":
        from eachwise.bootstrap import Engine  # noqa: PLC0415

        return Engine
    if name == "Settings":
        from eachwise.settings import Settings  # noqa: PLC0415

        return Settings
    raise AttributeError(f"module 'eachwise' has no attribute {name!r}")
