"""The two keys of a project."""

from __future__ import annotations

import msgspec


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """``write`` may send events and ask for decisions (it ships to browsers); ``secret`` may do everything."""

    write: str
    secret: str
