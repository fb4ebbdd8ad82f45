"""The one error tree.

EachwiseError
├── InvalidInput      the caller sent something that cannot be taken; names the field and the fix
│   └── TooLarge      a body or an event over its limit
├── Unauthorized      a key is missing, unknown, or of the wrong kind
├── NotFound          nothing has this id
├── Busy              too much at once: come back after ``retry_after_s``
│   └── Unavailable   the engine cannot serve now (starting, stopping, disk full)
├── StoreLocked       another process owns the embedded store; names the owner
├── StoreError        the store refused or lost an operation
├── CannotReplay      a decision's inputs are no longer kept; says which
└── MissingExtra      an optional dependency is not installed; gives the line that installs it
"""

from __future__ import annotations


class EachwiseError(Exception):
    """Base of every error that Eachwise raises on purpose."""

    code = "error"
    status = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidInput(EachwiseError):
    """The caller's data cannot be taken. ``field`` names where, ``message`` says what would be right."""

    code = "invalid_input"
    status = 400

    def __init__(self, message: str, *, field: str = "", code: str = "") -> None:
        super().__init__(message)
        self.field = field
        if code:
            self.code = code


class TooLarge(InvalidInput):
    """A body or an event exceeds its limit."""

    code = "too_large"
    status = 413


class Unauthorized(EachwiseError):
    """The key is missing, unknown, or does not open this route."""

    code = "unauthorized"
    status = 401


class NotFound(EachwiseError):
    """Nothing has this id."""

    code = "not_found"
    status = 404


class Busy(EachwiseError):
    """More is asked at once than can be taken; the caller should come back after ``retry_after_s``."""

    code = "busy"
    status = 429

    def __init__(self, message: str, *, retry_after_s: int = 1) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(Busy):
    """The engine cannot serve at the moment: it is starting, stopping, or its disk refuses writes."""

    code = "unavailable"
    status = 503


class StoreLocked(EachwiseError):
    """Another process owns the embedded store."""

    code = "store_locked"
    status = 503


class StoreError(EachwiseError):
    """The store refused or lost an operation."""

    code = "store_error"
    status = 503


class CannotReplay(EachwiseError):
    """The decision cannot be recomputed because one of its inputs is no longer kept."""

    code = "cannot_replay"
    status = 409


class MissingExtra(EachwiseError):
    """An optional dependency is not installed; the message is the line that installs it."""

    code = "missing_extra"
    status = 501
