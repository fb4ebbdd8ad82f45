"""What experiences change in lifetime value: held against a world whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.measurement import LifetimeModel, Refused
from eachwise.measure import (
    ChangeStatistic,
    StageValues,
    count_changes,
    count_stages,
    lifetime_model,
    merge_changes,
    no_changes,
    solve_stages,
)
from eachwise.measure.changes import Tilt
from tests.unit.measure.relationship import (
    DISCOUNT,
    EXPERIENCES,
    STAGES,
    Truth,
    decided,
    lives,
    truth,
)

MONTH_S = 30 * 86_400.0
RUNS = 25


@cache
def values(seed: int = 1) -> StageValues:
    return solve_stages(count_stages(STAGES, lives(seed, 400)), discount=DISCOUNT, seed=seed)


def counted(
    world: Truth, seed: int, people: int, *, tilt: Tilt = "overlap", silence: float = 0.15
) -> ChangeStatistic:
    log, before, after, earned = decided(world, seed, people, silence=silence)
    return count_changes(log, STAGES, before=before, after=after, earned=earned, tilt=tilt)


def model(statistic: ChangeStatistic, seed: int = 1) -> LifetimeModel:
    found = lifetime_model(values(seed), statistic, version=1, period_s=MONTH_S)
    assert isinstance(found, LifetimeModel)
    return found


@pytest.mark.parametrize("tilt", ["overlap", "none"])
@pytest.mark.parametrize("none", [False, True], ids=["effects", "none"])
def test_intervals_hold_the_truth(none: bool, tilt: Tilt) -> None:
    held, off = [], []
    for seed in range(RUNS):
        world = truth(seed, none=none)
        found = model(counted(world, seed + 50, 2500, tilt=tilt), seed)
        for k in range(EXPERIENCES):
            for place, stage in enumerate(STAGES):
                mean, low, high = found.clv_of(f"e{k}", stage)
                held.append(low <= world.clv[k, place] <= high)
                off.append(mean - world.clv[k, place])
    assert np.mean(held) >= 0.9
    # Worth more than saying 0 of everything, where there is something to say.
    assert none or np.sqrt(np.mean(np.square(off))) < 1.1


def test_with_much_evidence_the_truth_is_told_apart() -> None:
    world = truth(4)
    found = model(counted(world, 5, 40_000), 4)
    told = [found.clv_of(f"e{k}", "new")[0] for k in range(EXPERIENCES)]
    assert np.corrcoef(told, world.clv[:, 0])[0, 1] > 0.8


def test_thin_evidence_is_near_nothing_and_wide() -> None:
    world = truth(4)
    thin, thick = model(counted(world, 5, 40)), model(counted(world, 5, 8000))
    for k in range(EXPERIENCES):
        mean, low, high = thin.clv_of(f"e{k}", "new")
        assert low < 0.0 < high
        assert abs(mean) < 0.35 * (high - low)
        _, tight, loose = thick.clv_of(f"e{k}", "new")
        assert loose - tight < high - low


def test_an_experience_never_shown_has_what_all_have_in_common() -> None:
    found = model(counted(truth(4), 5, 4000))
    mean, low, high = found.clv_of("never", "customer")
    known = [found.clv_of(f"e{k}", "customer") for k in range(EXPERIENCES)]
    assert min(each[0] for each in known) < mean < max(each[0] for each in known)
    assert high - low > max(each[2] - each[1] for each in known)
    with pytest.raises(KeyError):
        found.clv_of("never", "no such stage")


def test_without_draws_nothing_is_said() -> None:
    never = counted(truth(4), 5, 500, silence=0.0)
    found = lifetime_model(values(), never, version=1, period_s=MONTH_S)
    assert isinstance(found, Refused)
    assert [reason.code for reason in found.reasons] == ["no_randomisation"]
    nothing = lifetime_model(values(), no_changes(STAGES), version=1, period_s=MONTH_S)
    assert isinstance(nothing, Refused)
    assert [reason.code for reason in nothing.reasons] == ["nothing_logged"]


def test_a_choice_that_could_not_have_been_another_is_no_evidence() -> None:
    log, before, after, earned = decided(truth(4), 5, 300)
    sure = np.zeros(len(log.arm))
    sure[log.chosen] = 1.0
    fixed = replace(log, probability=sure)
    counts = count_changes(fixed, STAGES, before=before, after=after, earned=earned)
    assert counts.open == 0
    assert not counts.cells


def test_the_weights_undo_who_was_chosen() -> None:
    """Eager people get silence less often and buy more: unweighted, every experience looks good."""
    world, naive, told = truth(0, none=True), [], []
    for seed in range(6):
        log, before, after, earned = decided(world, seed, 8000)
        silent = log.arm[log.chosen] == EXPERIENCES
        repeat = before == STAGES.index("repeat")
        naive.append(earned[repeat & ~silent].mean() - earned[repeat & silent].mean())
        counts = count_changes(log, STAGES, before=before, after=after, earned=earned)
        told += [change["repeat"].earned for change in model(counts).changes.values()]
    assert np.mean(naive) > 0.8
    assert abs(np.mean(told)) < 0.4 * np.mean(naive)


def test_two_shards_make_one_statistic() -> None:
    log, before, after, earned = decided(truth(4), 5, 600)
    whole = count_changes(log, STAGES, before=before, after=after, earned=earned)
    left = log.person < 250
    shards = []
    for part in (left, ~left):
        rows = np.flatnonzero(np.repeat(part, np.diff(log.indptr)))
        width = len(log.arms)
        shard = replace(
            log,
            person=log.person[part],
            indptr=np.arange(part.sum() + 1) * width,
            chosen=log.chosen[part] % width + np.arange(part.sum()) * width,
            reward=log.reward[part],
            converted=log.converted[part],
            **{
                name: getattr(log, name)[rows]
                for name in ("arm", "probability", "recorded", "priority", "features")
            },
        )
        shards.append(
            count_changes(
                shard, STAGES, before=before[part], after=after[part], earned=earned[part]
            )
        )
    merged = merge_changes(*shards)
    assert merged.cells.keys() == whole.cells.keys()
    for key, cell in whole.cells.items():
        for name in ("sums", "outer", "squares", "shared"):
            assert getattr(merged.cells[key], name) == pytest.approx(getattr(cell, name))
    assert (merged.decisions, merged.open) == (whole.decisions, whole.open)
    same = merge_changes(no_changes(STAGES), whole)
    assert model(same) == model(whole)
    assert model(merge_changes(*shards[::-1])) == model(merged)


def test_the_model_is_a_body() -> None:
    found = model(counted(truth(4), 5, 400))
    body = msgspec.msgpack.encode(found)
    assert msgspec.msgpack.decode(body, type=LifetimeModel) == found


def test_what_does_not_fit_is_an_error() -> None:
    log, before, after, earned = decided(truth(4), 5, 100)
    with pytest.raises(InvalidInput):
        count_changes(log, STAGES, before=before[1:], after=after, earned=earned)
    with pytest.raises(InvalidInput):
        count_changes(log, STAGES[:2], before=before, after=after, earned=earned)
    counts = count_changes(log, STAGES, before=before, after=after, earned=earned)
    with pytest.raises(InvalidInput):
        merge_changes(counts, no_changes(STAGES, "none"))
    with pytest.raises(InvalidInput):
        lifetime_model(values(), no_changes(("a", "b")), version=1, period_s=MONTH_S)
