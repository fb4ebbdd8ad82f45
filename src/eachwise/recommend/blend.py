"""All models in one score, the best of it, and why: the one path that serves."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace

import numpy as np

from eachwise.contracts.arrays import Bools, CatalogIndex, Floats, Ints, TasteModel
from eachwise.contracts.taste import History, TrainedModel
from eachwise.maths.decay import MICROSECONDS
from eachwise.recommend.bound import UNTRAINED, Bound, Placed, bind
from eachwise.recommend.candidates import baseline, candidates
from eachwise.recommend.carry import wanted
from eachwise.recommend.models.affinity import taste_of
from eachwise.recommend.models.base import Frame
from eachwise.recommend.views import PersonTaste, Read, read
from eachwise.settings import RecommendSettings

FRESH = "fresh"
REASONS_MAX = 3
# A contribution below this, in log units, is no reason to name.
_REASON_MIN = 0.05
# After a week half of a new item's allowance is gone: by then a shop's visitors have come by about once.
NEW_HALF_LIFE_S = 7 * 86_400.0
# What a newborn item is ahead of an average one: where nothing is known of anything, the newest comes first.
_NEW_AHEAD = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One model's part of a ranking: what it adds to the scores of the frame's items (C,), in its own rows."""

    placed: Placed
    pull: Floats
    frame: Frame
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Scores of the catalogue's rows (N,), finite: Σ weight · feature, in log units.

    ``rows``: those that were scored, ascending; None: all. The others stand below them, by what is popular.
    """

    scores: Floats
    rows: Ints | None
    bound: Bound
    allowance: Floats
    parts: tuple[Scored, ...] = field(repr=False)

    @property
    def contributions(self) -> dict[str, Floats]:
        """What each model, and ``fresh``, adds to the scores of ``rows``; (C,) each. They sum to the scores."""
        found = {
            one.placed.model.name: at_catalog(self.bound, one, one.pull, self.rows)
            for one in self.parts
        }
        return {**found, FRESH: self.allowance}

    def pulls(self, row: int) -> dict[str, float]:
        """The same for one catalogue row, cheaply; nothing for a row that was not scored."""
        found = {}
        for one in self.parts:
            own = row if one.placed.renewed else int(self.bound.trained_row[row])
            if own >= 0 and one.frame.place is not None:
                own = int(one.frame.place[own])
            if own >= 0:
                found[one.placed.model.name] = float(one.pull[own])
        return found


def rank(
    person: PersonTaste,
    live: TasteModel,
    catalog: CatalogIndex,
    settings: RecommendSettings,
    trained: TrainedModel | None = None,
    *,
    within: Bools | None = None,
    only: Ints | None = None,
) -> Ranking:
    """Score the catalogue for one person; shape (N,). Nothing is filtered: ``top`` takes the mask of what may be shown.

    Above ``settings.score_all_max`` items only candidates are scored: what the models reach, what the person's tastes
    name, what is popular, rising or new; ``within`` (N,) says where the caller will look, so that enough of them lie
    there. ``only`` are rows, ascending, beside which none is scored.
    """
    bound = bind(trained or UNTRAINED, live, catalog, settings)
    seen = _seen(bound, person, settings)
    rows = only
    if rows is None and len(catalog.item_ids) > settings.score_all_max:
        rows = candidates(
            bound, seen.who, seen.histories, within, person.now_us, settings.score_all_max
        )
    parts = _scored(bound, seen, _frames(bound, rows))
    total, trend = _sum(bound, parts, rows)
    allowance = _allowance(bound, rows, trend, person.now_us)
    total += allowance
    scores = total if rows is None else baseline(bound, rows, total)
    return Ranking(scores=scores, rows=rows, bound=bound, allowance=allowance, parts=parts)


def scores_at(
    person: PersonTaste,
    live: TasteModel,
    catalog: CatalogIndex,
    settings: RecommendSettings,
    trained: TrainedModel | None,
    rows: Ints,
) -> Floats:
    """``rank``'s scores of some rows alone (C,), ascending: for the same few rows and one person after another."""
    bound = bind(trained or UNTRAINED, live, catalog, settings)
    frames = next((f for b, r, f in tuple(_FRAMES) if b is bound and r is rows), None)
    if frames is None:
        frames = _frames(bound, rows)
        _FRAMES.appendleft((bound, rows, frames))
    parts = _scored(bound, _seen(bound, person, settings), frames)
    total, trend = _sum(bound, parts, rows)
    return total + _allowance(bound, rows, trend, person.now_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A person as one bound set sees one.

    histories: in the catalogue's rows (True) and, where a model reads those, in the trained model's (False)
    """

    who: Read
    histories: dict[bool, History]


def _seen(bound: Bound, person: PersonTaste, settings: RecommendSettings) -> _Seen:
    who = read(person, settings.action_weights, taste_of(person.affinity))
    ahead = wanted(bound.trained, person.recents[::-1], person.carried, settings.action_weights)
    renewed = who.history(bound.catalog.row_of)
    histories = {True: renewed}
    # Where nothing was trained, or the live counts know more throughout, no model reads the trained rows.
    if any(not placed.renewed for placed in bound.placed):
        same = bound.same
        histories[False] = (
            replace(renewed, carried=ahead) if same else who.history(bound.trained.row_of, ahead)
        )
    return _Seen(who=who, histories=histories)


# Frames by whether a model's rows are the catalogue's; kept for the rows asked for last, by identity.
_Frames = dict[bool, Frame]
_FRAMES: deque[tuple[Bound, Ints, _Frames]] = deque(maxlen=4)


def _frames(bound: Bound, rows: Ints | None) -> _Frames:
    """The frames of these rows of the catalogue (None: all)."""
    whole = Frame.of(len(bound.catalog.item_ids), rows)
    if bound.same:
        return {True: whole, False: whole}
    own = Frame.of(len(bound.trained.item_ids), _trained_rows(bound, rows))
    return {True: whole, False: own}


def _scored(bound: Bound, seen: _Seen, frames: _Frames) -> tuple[Scored, ...]:
    """Every model at the frames' items, each in its own rows."""
    found = []
    for placed in bound.placed:
        frame, history = frames[placed.renewed], seen.histories[placed.renewed]
        pull: Floats = placed.weights @ placed.model.score(placed.parts, history, frame)
        found.append(Scored(placed=placed, pull=pull, frame=frame, history=history))
    return tuple(found)


def _trained_rows(bound: Bound, rows: Ints | None) -> Ints | None:
    """The trained model's rows of the catalogue's, ascending."""
    if rows is None or bound.same:
        return rows
    found = bound.trained_row[rows]
    found = found[found >= 0]
    return found if bound.ascending else np.sort(found)


def _sum(bound: Bound, parts: tuple[Scored, ...], rows: Ints | None) -> tuple[Floats, Floats]:
    """Σ weight · feature at the catalogue's rows, and what of it is the trend's; (C,) each."""
    size = len(bound.catalog.item_ids) if rows is None else len(rows)
    total, trend = np.zeros(size), np.zeros(size)
    trained: Floats | None = None
    for one in parts:
        if one.placed.renewed:
            total += one.pull
        else:
            trained = one.pull if trained is None else trained + one.pull
        if one.placed.model.name == "trend":
            trend = at_catalog(bound, one, one.pull, rows)
    if trained is not None:
        first = next(one for one in parts if not one.placed.renewed)
        total += at_catalog(bound, first, trained, rows)
    return total, trend


def at_catalog(bound: Bound, one: Scored, pull: Floats, rows: Ints | None) -> Floats:
    """A model's sums at the catalogue's rows: 0 where it does not know the item; (C,)."""
    if one.placed.renewed or (bound.same and rows is None):
        return pull
    wanted = bound.trained_row if rows is None else bound.trained_row[rows]
    known = wanted >= 0
    found = np.zeros(len(wanted))
    own = wanted[known]
    found[known] = pull[own if one.frame.place is None else one.frame.place[own]]
    return found


def _allowance(bound: Bound, rows: Ints | None, trend: Floats, now_us: int) -> Floats:
    """(−min(trend, 0) + .01) · 2^(−age / 7 d), (C,): a newborn item counts as average, nobody had time to find it.

    Nothing is added before an item's publication, where that is unknown, and after ten half-lives.
    """
    published_us = bound.catalog.published_us
    if rows is not None:
        published_us = published_us[rows]
    earliest_us = now_us - int(10 * NEW_HALF_LIFE_S * MICROSECONDS)
    new = np.flatnonzero((published_us > earliest_us) & (published_us <= now_us))
    found = np.zeros(len(trend))
    if len(new):
        age_s = (now_us - published_us[new]) / MICROSECONDS
        found[new] = (_NEW_AHEAD - np.minimum(trend[new], 0.0)) * np.exp2(-age_s / NEW_HALF_LIFE_S)
    return found


def top(ranking: Ranking, mask: Bools, count: int) -> Ints:
    """The rows of the highest scores under the mask, best first; ties go to the lower row."""
    rows = np.flatnonzero(mask)
    scores = ranking.scores[rows]
    if 0 < count < len(rows):
        least = np.partition(scores, len(rows) - count)[len(rows) - count]
        rows = rows[scores >= least]
        scores = ranking.scores[rows]
    return rows[np.argsort(-scores, kind="stable")[: max(count, 0)]]


def reasons(ranking: Ranking, row: int, person: PersonTaste, catalog: CatalogIndex) -> list[str]:
    """Why an item stands where it stands, in words, the strongest model first; three at most."""
    pulls = ranking.pulls(row)
    found: list[str] = []
    by_name = {scored.placed.model.name: scored for scored in ranking.parts}
    for name in sorted(pulls, key=lambda name: -pulls[name]):
        if pulls[name] < _REASON_MIN or len(found) == REASONS_MAX:
            break
        words = _words(ranking.bound, by_name[name], row, person)
        if words and words not in found:
            found.append(words)
    age_us = person.now_us - int(catalog.published_us[row])
    if len(found) < REASONS_MAX and 0 <= age_us < NEW_HALF_LIFE_S * MICROSECONDS:
        found.append("new")
    return found


def _words(bound: Bound, scored: Scored, row: int, person: PersonTaste) -> str | None:
    placed, catalog = scored.placed, bound.catalog
    own = row if placed.renewed else int(bound.trained_row[row])
    if placed.model.tell is not None:
        return placed.model.tell(placed.parts, own, catalog, person.affinity)
    if placed.model.explain is None:
        return None
    found = placed.model.explain(placed.parts, scored.history, own)
    return None if found is None else _because(bound, scored, found)


def _because(bound: Bound, scored: Scored, origin: int) -> str:
    """``because you viewed X``, X an item of the history; one item speaks for many, so the words are kept."""
    history, renewed = scored.history, scored.placed.renewed
    memo = {} if history.memo is None else history.memo
    key = ("because", renewed, origin)
    if key not in memo:
        catalog = bound.catalog
        item_id = (catalog if renewed else bound.trained).item_ids[origin]
        at = catalog.row_of.get(item_id)
        title = (catalog.items[at].title if at is not None else "") or item_id
        bought = bool(history.bought[history.rows == origin].any())
        memo[key] = f"because you {'bought' if bought else 'viewed'} {title}"
    words: str = memo[key]
    return words
