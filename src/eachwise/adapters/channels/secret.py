"""Secrets of channels: read from a file or from the environment when they are needed, never kept in settings."""

from __future__ import annotations

import os
from pathlib import Path

from eachwise.contracts.errors import InvalidInput


def read_secret(field: str, file: str, variable: str) -> str:
    """The secret's text; "" where neither is named. ``field``: the settings' key, without ``_file`` or ``_env``.

    Raises ``InvalidInput`` where the file cannot be read, or the variable is not set.
    """
    if file:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                f"settings: {field}_file: cannot read {file}: {error}", field=f"{field}_file"
            ) from None
    if variable:
        value = os.environ.get(variable, "")
        if not value:
            raise InvalidInput(
                f"settings: {field}_env: the environment has no {variable}", field=f"{field}_env"
            )
        return value
    return ""
