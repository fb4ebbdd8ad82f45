"""Another system's log of exposures as the learner reads it: what was shown, with the features known for sure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from eachwise.contracts.errors import EachwiseError, InvalidInput
from eachwise.contracts.events import Rejection
from eachwise.contracts.experience import SILENCE
from eachwise.contracts.learning import Exposure, PastExposure
from eachwise.decide import Layout, by_value, layout
from eachwise.flow.catalogue import Offers, Shelf

# Of one row: a name more is a weight more, for good.
FEATURES_MAX = 50
# Features are flags, shares and scores of about one; a figure beyond this would drown all others.
FEATURE_MAX = 1_000.0
REJECTED_BODY_BYTES_MAX = 4096
_decode = msgspec.json.Decoder(PastExposure).decode


def past_exposures(
    rows: Sequence[bytes], first_row: int, digest: str, offers: Offers, shelf: Shelf
) -> tuple[list[Exposure], list[Rejection]]:
    """The rows' exposures, and why the others are none. Blank rows are skipped.

    An exposure has the fixed features of its experience as it is declared now, and those that its row gives. What the
    person was like then is not known, and today's tastes come after the outcome: they are left out.
    """
    found: list[Exposure] = []
    rejections: list[Rejection] = []
    layouts: dict[str, Layout] = {}
    for row, line in enumerate(rows, start=first_row):
        if not line.strip():
            continue
        code = "invalid_exposure"
        try:
            past = _decode(line)
            fixed = _fixed(past, offers, shelf, layouts)
        except msgspec.ValidationError as error:
            reason = str(error)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            code, reason = "invalid_json", f"the row is not valid JSON: {error}"
        except EachwiseError as error:
            reason = error.message
        else:
            found.append(
                Exposure(
                    decision_id=f"import-{digest[:32]}-{row}",
                    experience_id=past.experience_id,
                    probability=past.probability or 0.0,
                    features={**past.features, **fixed},
                    outcomes=frozenset(past.outcomes),
                )
            )
            continue
        body = line[:REJECTED_BODY_BYTES_MAX]
        rejections.append(Rejection(index=row, code=code, reason=reason, body=body))
    return found, rejections


def _fixed(
    past: PastExposure, offers: Offers, shelf: Shelf, layouts: dict[str, Layout]
) -> dict[str, float]:
    """The features of an experience that no moment changes. Raises ``InvalidInput`` or ``NotFound`` for a bad row."""
    experience = offers.definitions.experiences.get(past.experience_id)
    if experience is None or past.experience_id == SILENCE:
        raise InvalidInput(
            f"experience_id: {past.experience_id!r} is not declared: nothing is known of it",
            field="experience_id",
        )
    placement_id = past.placement_id or next(iter(experience.placements), "")
    if placement_id not in experience.placements:
        raise InvalidInput(
            f"placement_id: {past.experience_id!r} is not declared for {placement_id!r}",
            field="placement_id",
        )
    if past.probability is not None and not 0.0 < past.probability <= 1.0:
        raise InvalidInput("probability: lies above 0 and at most at 1", field="probability")
    if len(past.features) > FEATURES_MAX:
        raise InvalidInput(f"features: at most {FEATURES_MAX}", field="features")
    if not all(abs(value) <= FEATURE_MAX for value in past.features.values()):
        raise InvalidInput(
            f"features: each lies between -{FEATURE_MAX:g} and {FEATURE_MAX:g}: scale them to about 1",
            field="features",
        )
    if placement_id not in layouts:
        layouts[placement_id] = layout(
            offers.placement(placement_id),
            offers.experiences(placement_id),
            shelf.index,
            shelf.select,
            shelf.once("by_value", by_value),
            offers.groups,
        )
    laid = layouts[placement_id]
    return dict(laid.fixed_by_row[laid.row_of[past.experience_id]])
