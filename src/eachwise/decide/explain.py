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


def explain(
    record: DecisionRecord,
    outcomes: Sequence[OutcomeView] = (),
    *,
    explorations_max: int | None = None,
    behind: Sequence[str] = (),
) -> list[str]:
    """What was decided, among what, why, and what came back: one line each.

    ``explorations_max``: how often a day a person is shown something for the sake of learning (None: not kept);
    ``behind``: the features of the chosen candidate in words (``behind.feature_lines``).
    """
    inputs = record.inputs
    versions = [f"{name} {version}" for name, version in inputs.models.items()]
    lines = [
        f"{moment_words(inputs.now_us)} UTC, {inputs.placement_id}, individual {record.individual_id}",
        (
            f"chosen: {record.experience_id}, with probability {record.probability:.4f} "
            f"among {record.candidates} candidates (silence is one)"
        ),
    ]
    lines += [f"failed: {record.failed}"] if record.failed else []
    lines += [f"  {reason}" for reason in record.reasons]
    lines += _money_lines(record)
    lines += [
        f"  item {each.position + 1}: {each.item_id} {each.title}".rstrip()
        + f" (score {each.score:.3f})"
        for each in record.items
    ]
    lines.append(_policy_line(record, explorations_max))
    lines.append("leading candidates:")
    lines += [f"  {_candidate_words(each)}" for each in record.leading]
    lines += _filter_lines(record)
    lines += _page_lines(record)
    if record.features:
        lines.append(f"features of {record.experience_id}:")
        lines += behind or [f"  {name} {value:+.2f}" for name, value in record.features.items()]
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


def _money_lines(record: DecisionRecord) -> list[str]:
    """The chosen candidate's priority as a sum of money, what is nothing left out."""
    for each in record.leading:
        if each.experience_id == record.experience_id != SILENCE:
            it = each.factors
            terms = {
                "take-ups bring": it.p_takeup * it.value * it.lever,
                "purchases after them": it.p_takeup * it.p_purchase * it.margin * it.lever,
                "lifetime value": it.clv * it.lever,
                "disconnects": -it.kappa * it.p_disconnect,
                "fatigue": -it.fatigue,
                "cost": -it.cost,
                "budgets": -it.price,
            }
            words = ", ".join(f"{name} {money:+.4f}" for name, money in terms.items() if money)
            return [f"  worth {each.priority:+.4f}: {words or 'nothing'}"]
    return []


def _policy_line(record: DecisionRecord, explorations_max: int | None) -> str:
    """Whether it was the best by expectation, and how much is shown for the sake of learning."""
    bound = "" if explorations_max is None else f" of at most {explorations_max}"
    best = "not the best by expectation" if record.explored else "the best by expectation"
    if record.failed:
        best = "no draw"
    return (
        f"policy {record.inputs.policy}: {best}; shown for the sake of learning within the day "
        f"before: {record.inputs.explored}{bound}"
    )


def _page_lines(record: DecisionRecord) -> list[str]:
    """What else bound the decision: the page, places held, exposures from the log, the budgets."""
    inputs = record.inputs
    lines = []
    if inputs.taken:
        lines.append(f"the page had already: {', '.join(inputs.taken)}")
    lines += [
        f"place held under the caps: {each.experience_id} in {each.placement_id} "
        f"until {moment_words(each.expires_at_us)} UTC (decision {each.decision_id})"
        for each in inputs.reservations
    ]
    if inputs.earlier is not None:
        lines.append(f"exposures read from the log for the caps: {len(inputs.earlier)}")
    lines += [
        f"price of the budgets that one exposure of {name} uses: {price:.4g}"
        for name, price in inputs.prices.items()
        if price
    ]
    return lines + [f"used up: {name}: {why}" for name, why in inputs.exhausted.items()]


def _filter_lines(record: DecisionRecord) -> list[str]:
    """The funnel, filter after filter, and what was taken out one by one as far as the record names them."""
    taken = [f"{name} {count}" for name, count in record.filters.items() if count]
    left = record.candidates - 1 + sum(record.filters.values())
    funnel = [f"{left} declared"]
    for name, count in record.filters.items():
        left -= count
        funnel.append(f"{name} {left}" + (f" (−{count})" if count else ""))
    lines = [f"funnel: {' → '.join(funnel)}"]
    if not taken:
        return [*lines, "no experience was filtered out"]
    lines.append(f"filtered out: {', '.join(taken)}")
    lines += [f"  {each.experience_id} by {each.filter}: {each.reason}" for each in record.filtered]
    unnamed = sum(record.filters.values()) - len(record.filtered)
    return lines + ([f"  and {unnamed} more"] if unnamed > 0 else [])
