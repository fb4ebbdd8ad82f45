"""What a person says in so many words: consent to purposes, likes and dislikes."""

from __future__ import annotations

from typing import Any

from eachwise.events.reading import listed

_YES = frozenset({"true", "yes", "granted", "given", "accepted", "1"})
_NO = frozenset({"false", "no", "denied", "withdrawn", "rejected", "0"})
_OPT_IN = "_opt_in"


def consent_of(context: dict[str, Any], *, traits: dict[str, Any] | None = None) -> dict[str, bool]:
    """Purpose → yes or no, from ``context.consent.categoryPreferences`` and an identify's traits.

    Traits: ``consent: {purpose: bool}`` and ``PURPOSE_opt_in: bool``. What is neither a clear yes
    nor a clear no says nothing; where the two disagree, the traits hold.
    """
    said: dict[str, bool] = {}
    consent = context.get("consent")
    if isinstance(consent, dict):
        _take(said, consent.get("categoryPreferences"))
    if traits:
        for trait, value in traits.items():
            if trait.endswith(_OPT_IN) and trait != _OPT_IN:
                _take(said, {trait.removesuffix(_OPT_IN): value})
        _take(said, traits.get("consent"))
    return said


def preferences_of(holder: dict[str, Any]) -> dict[str, int]:
    """``name=value`` → +1 or −1, from the lists ``likes`` and ``dislikes``; in both, a dislike."""
    if "likes" not in holder and "dislikes" not in holder:
        return {}
    said = {value: 1 for value in listed(holder.get("likes")) if _is_pair(value)}
    said.update({value: -1 for value in listed(holder.get("dislikes")) if _is_pair(value)})
    return said


def _take(said: dict[str, bool], sent: object) -> None:
    if isinstance(sent, dict):
        for purpose, value in sent.items():
            answer = _answer(value)
            if answer is not None and isinstance(purpose, str) and purpose:
                said[purpose] = answer


def _answer(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else str(value)
    return True if word in _YES else False if word in _NO else None


def _is_pair(value: str) -> bool:
    name, sign, rest = value.partition("=")
    return bool(name.strip() and sign and rest.strip())
