"""Texts as search compares them: folded, cut into words, plurals joined. The same for what is found and what is asked.

No language is assumed. What is known of languages here is small on purpose: letters without their accents, the
regular English plural, and scripts that write no blanks (Han, Kana, Thai and the like are cut into overlapping pairs).
"""

from __future__ import annotations

import re
import unicodedata

WORD_CHARS_MAX = 64  # of one word; the rest of a longer one is not compared

_ACCENTS = dict.fromkeys(range(0x300, 0x370))
# Letters that Unicode does not take apart.
_LETTERS = str.maketrans(
    {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "þ": "th"}
    | dict.fromkeys("'’‘ʼ", "")
)
# Signs that belong to the letters before them: Hebrew, Arabic and Indic vowels, all of the unspaced scripts.
_NO_BLANKS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_MARKS = f"\u0591-\u05c7\u064b-\u065f\u0900-\u0963\u0966-\u0dff{_NO_BLANKS}"
_PLAIN = re.compile(r"[a-z0-9]+")
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_WORD = re.compile(rf"{_LETTER}+")
_SHOWN = re.compile(rf"{_LETTER}+(?:['’]{_LETTER}+)*")
_UNSPACED = re.compile(rf"[{_NO_BLANKS}]+")
_PLURAL = re.compile(r"[a-z]{4,}")


def fold(text: str) -> str:
    """A text without case, accents and apostrophes: ``Crème Brûlée`` and ``CREME BRULEE`` are the same."""
    if text.isascii():
        return text.lower().replace("'", "")
    folded = unicodedata.normalize("NFKD", text.casefold()).translate(_ACCENTS)
    return unicodedata.normalize("NFC", folded).translate(_LETTERS)


def words(text: str) -> list[str]:
    """The folded words of a text, in order: runs of letters and digits. Plurals are kept as they are."""
    folded = fold(text)
    if folded.isascii():
        return [word[:WORD_CHARS_MAX] for word in _PLAIN.findall(folded)]
    found: list[str] = []
    for word in _WORD.findall(folded):
        if word.isascii() or not _UNSPACED.search(word):
            found.append(word[:WORD_CHARS_MAX])
        else:
            found += _paired(word)
    return found


def shown_words(text: str) -> list[tuple[str, str]]:
    """The words of a text, each with the way it is written there: ``("creme", "Crème")``; for people to read."""
    found: list[tuple[str, str]] = []
    for shown in _SHOWN.findall(text):
        folded = words(shown)
        found += [(folded[0], shown)] if len(folded) == 1 else [(word, word) for word in folded]
    return found


def stem(word: str) -> str:
    """A folded word without its English plural, after Harman's S-stemmer (1991, "How effective is suffixing?").

    Beside it, so that both numbers of a word meet: ``cookies`` and ``cookie``, ``tomatoes`` and ``tomato``,
    ``shoes`` and ``shoe``, ``dishes`` and ``dish``. Words of other scripts, with digits, or under four letters stay.
    """
    if not _PLURAL.fullmatch(word):
        return word
    if word.endswith("s"):
        if word.endswith(("ss", "us", "is")):
            return word
        if len(word) == 4:
            return word[:-1]
        if word.endswith(("xes", "ches", "shes", "sses")):
            return word[:-2]
        word = word[:-1]
        if word.endswith("ie"):
            return word[:-2] + "y"
    if word.endswith("ie") and len(word) > 4:
        return word[:-2] + "y"
    return word[:-1] if word.endswith("oe") and len(word) > 3 else word


def _paired(word: str) -> list[str]:
    """A word of a script without blanks as overlapping pairs of its signs; what stands between them as it is."""
    parts: list[str] = []
    end = 0
    for run in _UNSPACED.finditer(word):
        if run.start() > end:
            parts.append(word[end : run.start()][:WORD_CHARS_MAX])
        signs = run.group()
        parts += [signs[at : at + 2] for at in range(len(signs) - 1)] or [signs]
        end = run.end()
    if end < len(word):
        parts.append(word[end:][:WORD_CHARS_MAX])
    return parts
