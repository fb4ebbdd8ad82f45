"""A decision's record in words for the operator, and its comparison with a decision recomputed from it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from eachwise.contracts.decision import Candidate, DecisionRecord, Factors, OutcomeView
from eachwise.contracts.experience import SILENCE
from eachwise.decide.eligibility import moment_words
from eachwise.decide.situation import Choice

AGREEMENT_TOLERANCE = 1e-9
_FACTOR_NAMES = Factors.__struct_fields__


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How a recomputed decision stands to its record: equal to the bit, else equal within 1e-9, else where not."""

    exact: bool
    agrees: bool
    differences: list[str]


def explain(record: DecisionRecord, outcomes: Sequence[OutcomeView] = ()) -> list[str]:
    """What was decided, among what, why, and what came back: one line each."""
    inputs = record.inputs
    versions = [f"{name} {version}" for name, version in inputs.models.items()]
    lines = [
        f"{moment_words(inputs.now_us)} UTC, {inputs.placement_id}, individual {record.individual_id}",
        (
            f"chosen: {record.experience_id}, with probability {record.probability:.4f} "
            f"among {record.candidates} candidates (silence is one)"
        ),
    ]
    lines += [f"  {reason}" for reason in record.reasons]
    lines += [
        f"  item {each.position + 1}: {each.item_id} {each.title}".rstrip()
        + f" (score {each.score:.3f})"
        for each in record.items
    ]
    lines.append("leading candidates:")
    lines += [f"  {_candidate_words(each)}" for each in record.leading]
    lines += _filter_lines(record)
    if record.features:
        named = ", ".join(f"{name} {value:+.2f}" for name, value in record.features.items())
        lines.append(f"features of {record.experience_id}: {named}")
    lines.append(
        f"computed from: policy {inputs.policy}, seed {inputs.seed}, definitions "
        f"{inputs.definitions_version}, catalogue {inputs.catalog_version}, models "
        + (", ".join(versions) or "none")
    )
    lines += [f"came back {each.at}: {each.action} ({each.event})" for each in outcomes]
    if not outcomes and record.experience_id != SILENCE:
        lines.append("nothing has come back yet")
    return lines


def compare(record: DecisionRecord, choice: Choice) -> Comparison:
    """Hold a recomputed choice against the record: choice, probability, items, leading candidates, filters.

    Anything that is not a figure must be equal; figures within 1e-9 (absolute below 1, else relative) still agree.
    """
    words: list[str] = []
    off = [0.0]
    _same(words, "choice", record.experience_id, choice.experience_id)
    _same(words, "number of candidates", record.candidates, len(choice.candidates))
    _same(words, "filters", record.filters, choice.filters)
    for said, found in zip(record.filtered, choice.filtered, strict=False):
        _same(words, f"filter of {said.experience_id}", said, found)
    _same(
        words,
        "items",
        [each.item_id for each in record.items],
        [each.item_id for each in choice.items],
    )
    _same(words, "names of features", list(record.features), list(choice.features))
    by_id = {each.experience_id: each for each in choice.candidates}
    for each in record.leading:
        if each.experience_id not in by_id:
            words.append(f"{each.experience_id} is no candidate any more")
    for label, figure, recomputed in _figures(record, choice, by_id):
        if figure != recomputed:
            gap = abs(figure - recomputed) / max(1.0, abs(figure))
            off.append(math.inf if math.isnan(gap) else gap)
            if off[-1] > AGREEMENT_TOLERANCE:
                words.append(f"{label}: recorded {figure!r}, recomputed {recomputed!r}")
    return Comparison(exact=not words and max(off) == 0.0, agrees=not words, differences=words)


def _figures(
    record: DecisionRecord, choice: Choice, by_id: dict[str, Candidate]
) -> Iterator[tuple[str, float, float]]:
    """Every recorded figure with its name and its recomputed twin."""
    yield "probability", record.probability, choice.probability
    for name, value in record.features.items():
        yield f"feature {name}", value, choice.features.get(name, math.nan)
    for said, found in zip(record.items, choice.items, strict=False):
        yield f"score of {said.item_id}", said.score, found.score
        yield f"probability of {said.item_id}", said.probability, found.probability
    for each in record.leading:
        twin = by_id.get(each.experience_id)
        if twin is None:
            continue
        yield f"{each.experience_id}: priority", each.priority, twin.priority
        yield f"{each.experience_id}: probability", each.probability, twin.probability
        for name in _FACTOR_NAMES:
            yield (
                f"{each.experience_id}: {name}",
                getattr(each.factors, name),
                getattr(twin.factors, name),
            )


def _same(words: list[str], label: str, recorded: object, recomputed: object) -> None:
    """Note a difference of something that has no tolerance."""
    if recorded != recomputed:
        words.append(f"{label}: recorded {recorded!r}, recomputed {recomputed!r}")


def _candidate_words(candidate: Candidate) -> str:
    """One candidate with the sum that made its priority."""
    start = f"{candidate.experience_id}: probability {candidate.probability:.4f}, priority "
    if candidate.experience_id == SILENCE:
        return f"{start}0 (always)"
    it = candidate.factors
    value = f"value {it.value:g}"
    if it.margin:
        value = f"({value} + purchase {it.p_purchase:.4f} × margin {it.margin:g})"
    gain = f"take-up {it.p_takeup:.4f} × {value}"
    if it.clv:
        gain = f"({gain} + lifetime value {it.clv:+.4g})"
    price = f" − price {it.price:.4g}" if it.price else ""
    return (
        f"{start}{candidate.priority:+.4f} = {gain} × lever {it.lever:g} "
        f"− κ {it.kappa:.4g} × disconnect {it.p_disconnect:.4f} "
        f"− fatigue {it.fatigue:.4g} − cost {it.cost:g}{price}"
    )


def _filter_lines(record: DecisionRecord) -> list[str]:
    """What the filters took out, by filter, then one by one as far as the record names them."""
    taken = [f"{name} {count}" for name, count in record.filters.items() if count]
    if not taken:
        return ["no experience was filtered out"]
    lines = [f"filtered out: {', '.join(taken)}"]
    return lines + [
        f"  {each.experience_id} by {each.filter}: {each.reason}" for each in record.filtered
    ]
