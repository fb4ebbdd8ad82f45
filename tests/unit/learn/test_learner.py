"""The learner: what it publishes, and that a version can be rebuilt to the bit."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from eachwise.contracts.arrays import PropensityModel
from eachwise.contracts.errors import InvalidInput
from eachwise.contracts.learning import OUTCOMES, Exposure, ModelVersion, Outcome
from eachwise.learn import PRIORS, Learner, finished, restore
from eachwise.settings import LearnSettings

SETTINGS = LearnSettings(snapshot_every_versions=5, forgetting_half_life_updates=1000.0)
NAMES = ("beef", "fish", "fruit", "pizza")


def exposures(seed: int, count: int) -> list[Exposure]:
    """Exposures to four experiences; fish is liked, beef is hidden, whatever the match."""
    generator = np.random.default_rng(seed)
    made = []
    for number in range(count):
        which = NAMES[int(generator.integers(4))]
        match = float(generator.normal())
        came: set[Outcome] = set()
        if generator.random() < (0.3 if which == "fish" else 0.03):
            came.add("takeup")
            if generator.random() < 0.4:
                came.add("purchase")
        if generator.random() < (0.1 if which == "beef" else 0.0):
            came.add("hide")
        if generator.random() < 0.05:
            came.add("dismiss")
        made.append(
            Exposure(
                decision_id=f"d{number}",
                experience_id=which,
                probability=0.25,
                features={
                    "bias": 1.0,
                    f"attribute:category={which}": 1.0,
                    "match:category": match,
                    f"experience:{which}": 1.0,
                },
                outcomes=frozenset(came),
            )
        )
    return made


def bits(model: PropensityModel) -> list[bytes]:
    """Every array of a model."""
    heads = [model.heads[outcome] for outcome in OUTCOMES]
    return [array.tobytes() for head in heads for array in (head.mean, head.covariance, head.draws)]


def test_it_learns_what_is_clicked_and_what_is_hidden() -> None:
    learner = Learner(SETTINGS)
    learner.learn(exposures(1, 3000))
    fish = {"bias": 1.0, "attribute:category=fish": 1.0, "experience:fish": 1.0}
    beef = {"bias": 1.0, "attribute:category=beef": 1.0, "experience:beef": 1.0}
    takeup, hide = learner.heads["takeup"], learner.heads["hide"]
    assert takeup.predict(fish).probability > 3 * takeup.predict(beef).probability
    assert hide.predict(beef).probability > 2 * hide.predict(fish).probability
    # Of those who took it up, two in five bought.
    assert learner.heads["purchase"].predict(fish).probability == pytest.approx(0.4, abs=0.1)
    assert learner.heads["dismiss"].predict(fish).probability == pytest.approx(0.05, abs=0.02)
    assert 0 < learner.heads["purchase"].updates < learner.heads["takeup"].updates
    assert learner.updates == learner.unpublished == 3000


def test_a_click_moves_the_next_version() -> None:
    learner = Learner(SETTINGS)
    _, before = learner.publish(1, 0)
    learner.learn(exposures(1, 1))
    _, after = learner.publish(2, 0)
    assert before.names == ()
    assert len(after.names) == 4
    assert (before.version, after.version) == (1, 2)


def test_versions_are_snapshots_and_deltas_that_rebuild_to_the_bit() -> None:
    learner, stored, models = Learner(SETTINGS), [], []
    for version, start in enumerate(range(0, 2600, 200), start=1):
        learner.learn(exposures(7, 2600)[start : start + 200])
        published, model = learner.publish(version, at_us=version)
        stored.append(published)
        models.append(model)
    assert [each.base for each in stored] == [0, 1, 2, 3, 4, 0, 6, 7, 8, 9, 0, 11, 12]
    for position, model in enumerate(models):
        first = max(at for at in range(position + 1) if stored[at].base == 0)
        rebuilt = restore(stored[first], stored[first + 1 : position + 1], SETTINGS)
        again = rebuilt.propensity_model(model.version)
        assert again.names == model.names
        assert bits(again) == bits(model)
        assert rebuilt.updates == 200 * (position + 1)


def test_a_restored_learner_goes_on_as_if_nothing_had_happened() -> None:
    learner = Learner(SETTINGS)
    learner.learn(exposures(3, 700))
    snapshot, _ = learner.publish(1, 0)
    rebuilt = restore(snapshot, [], SETTINGS)
    more = exposures(4, 700)
    published = []
    for each in (learner, rebuilt):
        each.learn(more)
        delta, model = each.publish(2, 5)
        published.append((delta, bits(model)))
    assert published[0] == published[1]


def test_a_draft_is_what_was_known_when_it_was_drawn() -> None:
    learner, twin = Learner(SETTINGS), Learner(SETTINGS)
    first, later = exposures(3, 300), exposures(4, 300)
    for each in (learner, twin):
        each.learn(first)
    draft = learner.draft(1, 7)
    learner.learn(later)
    version, model = finished(draft)
    same, twins = twin.publish(1, 7)
    assert (version, bits(model)) == (same, bits(twins))
    twin.learn(later)
    assert bits(learner.publish(2, 8)[1]) == bits(twin.publish(2, 8)[1])


def test_looking_at_a_learner_changes_nothing() -> None:
    left, right = Learner(SETTINGS), Learner(SETTINGS)
    for place, each in enumerate(exposures(6, 100)):
        left.learn([each])
        right.learn([each])
        if place % 7 == 0:
            left.propensity_model(1)
    assert bits(left.publish(1, 0)[1]) == bits(right.publish(1, 0)[1])


def test_how_exposures_are_cut_into_versions_does_not_matter() -> None:
    whole, parts = Learner(SETTINGS), Learner(SETTINGS)
    all_of_them = exposures(5, 900)
    whole.learn(all_of_them)
    for start in range(0, 900, 7):
        parts.learn(all_of_them[start : start + 7])
    assert bits(whole.propensity_model(9)) == bits(parts.propensity_model(9))


def test_another_pace_of_forgetting_starts_a_new_snapshot() -> None:
    learner = Learner(SETTINGS)
    learner.learn(exposures(3, 300))
    first, _ = learner.publish(1, 0)
    learner.learn(exposures(4, 300))
    second, model = learner.publish(2, 0)
    slower = msgspec.structs.replace(SETTINGS, forgetting_half_life_updates=9000.0)
    rebuilt = restore(first, [second], slower)
    assert bits(rebuilt.propensity_model(2)) == bits(model)
    rebuilt.learn(exposures(5, 10))
    third, _ = rebuilt.publish(3, 0)
    assert third.base == 0


def test_an_outcome_that_is_corrected_at_once_was_never_wrong() -> None:
    direct, corrected = Learner(SETTINGS), Learner(SETTINGS)
    for each in exposures(3, 400):
        direct.learn([each])
        first = msgspec.structs.replace(each, outcomes=frozenset())
        again = msgspec.structs.replace(each, before=frozenset())
        corrected.learn([first, again])
    left, right = direct.propensity_model(1), corrected.propensity_model(1)
    for outcome in OUTCOMES:
        one, other = left.heads[outcome], right.heads[outcome]
        # Independent weights forget how much of an error each has taken: nearly the same.
        near = 1e-10 if outcome == "takeup" else 0.01
        np.testing.assert_allclose(one.mean, other.mean, atol=near)
        np.testing.assert_allclose(one.covariance, other.covariance, atol=0.02)


def test_a_purchase_is_asked_about_only_after_a_take_up_and_taken_back_with_it() -> None:
    features = {"bias": 1.0}
    learner = Learner(SETTINGS)

    def told(outcomes: set[Outcome], before: set[Outcome] | None) -> float:
        learner.learn(
            [
                Exposure(
                    decision_id="d",
                    experience_id="x",
                    probability=1.0,
                    features=features,
                    outcomes=frozenset(outcomes),
                    before=None if before is None else frozenset(before),
                )
            ]
        )
        return learner.heads["purchase"].predict(features).probability

    start = learner.heads["purchase"].predict(features).probability
    assert told(set(), None) == start
    clicked = told({"takeup"}, set())
    assert clicked < start
    bought = told({"takeup", "purchase"}, {"takeup"})
    assert bought > start
    assert told({"takeup"}, {"takeup", "purchase"}) == pytest.approx(clicked, abs=0.05)
    assert learner.updates == 1


def test_corrections_are_published_and_restored_to_the_bit() -> None:
    learner = Learner(SETTINGS)
    published = []
    for version, each in enumerate(exposures(5, 12), start=1):
        later = msgspec.structs.replace(
            each, outcomes=each.outcomes | {"takeup"}, before=each.outcomes
        )
        learner.learn([each, later])
        published.append(learner.publish(version, at_us=version))
    snapshot = max(i for i, (version, _) in enumerate(published) if version.base == 0)
    versions = [version for version, _ in published[snapshot:]]
    again = restore(versions[0], versions[1:], SETTINGS)
    assert bits(again.propensity_model(12)) == bits(published[-1][1])


def test_a_version_can_only_follow() -> None:
    learner = Learner(SETTINGS)
    learner.publish(3, 0)
    with pytest.raises(InvalidInput, match="does not follow"):
        learner.publish(3, 0)


def test_restore_refuses_a_delta_or_a_gap() -> None:
    learner = Learner(SETTINGS)
    versions: list[ModelVersion] = []
    for version in (1, 2, 3):
        learner.learn(exposures(version, 5))
        versions.append(learner.publish(version, 0)[0])
    with pytest.raises(InvalidInput, match="no snapshot"):
        restore(versions[1], [], SETTINGS)
    with pytest.raises(InvalidInput, match="builds on 2, not on 1"):
        restore(versions[0], [versions[2]], SETTINGS)


def test_a_published_model_cannot_be_written_to() -> None:
    learner = Learner(SETTINGS)
    learner.learn(exposures(1, 10))
    _, model = learner.publish(1, 0)
    with pytest.raises(ValueError, match="read-only"):
        model.heads["takeup"].mean[0] = 1.0
    before = bits(model)
    learner.learn(exposures(2, 10))
    assert bits(model) == before


def test_draws_differ_from_version_to_version_and_not_within() -> None:
    learner = Learner(SETTINGS)
    learner.learn(exposures(1, 50))
    assert bits(learner.propensity_model(1)) == bits(learner.propensity_model(1))
    assert bits(learner.propensity_model(1)) != bits(learner.propensity_model(2))
    heads = learner.propensity_model(1).heads
    assert heads["takeup"].draws.shape == (64, 10)
    assert heads["hide"].draws.shape == (0, 10)


def test_a_body_of_another_format_is_refused_in_words() -> None:
    old = ModelVersion(
        model="propensity", version=4, base=0, created_at_us=0, body=b"\x93\x01\x02\x03"
    )
    with pytest.raises(InvalidInput, match=r"version 4 .* of another format"):
        restore(old, [], SETTINGS)
    learner = Learner(SETTINGS, follows=4)
    learner.learn(exposures(1, 3))
    version, _ = learner.publish(5, 0)
    assert version.base == 0


def test_priors_are_those_that_were_measured() -> None:
    assert PRIORS["takeup"]("bias") == (-3.8, 1.0)
    assert PRIORS["takeup"]("match:category") == (0.5, 0.15)
    assert PRIORS["takeup"]("aversion") == (0.3, 0.15)
    assert PRIORS["takeup"]("fatigue:all") == (-0.2, 0.1)
    assert PRIORS["takeup"]("attribute:category=beef") == (0.0, 0.05)
    assert PRIORS["takeup"]("experience:steak-week") == (0.0, 0.1)
    assert PRIORS["hide"]("aversion")[0] < 0.0 < PRIORS["hide"]("fatigue:all")[0]
