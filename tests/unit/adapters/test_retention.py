"""Which model versions may go."""

from hypothesis import given
from hypothesis import strategies as st

from eachwise.adapters.retention import FOREVER_US, droppable_versions, uses_of
from eachwise.contracts.ports import Commit
from tests.contract.makers import a_decision

# Two snapshots with chains of deltas, each on the version before; then one whose deltas all name
# the snapshot.
CHAINS = {1: 0, 2: 1, 3: 2, 4: 0, 5: 4, 6: 0, 7: 6, 8: 6, 9: 6}


def test_nothing_stored_nothing_dropped() -> None:
    assert droppable_versions({}, [1, 2]) == []


def test_the_newest_keeps_its_chain() -> None:
    assert droppable_versions(CHAINS, []) == [1, 2, 3, 4, 5]


def test_a_used_version_keeps_its_chain_and_nothing_after() -> None:
    assert droppable_versions(CHAINS, [2]) == [3, 4, 5]
    assert droppable_versions(CHAINS, [5]) == [1, 2, 3]
    assert droppable_versions(CHAINS, [3, 5, 77]) == []


def test_a_base_that_is_gone_ends_the_chain() -> None:
    assert droppable_versions({5: 4, 6: 5, 7: 0}, [6]) == []


@given(
    snapshots=st.lists(st.booleans(), min_size=1, max_size=30),
    used=st.sets(st.integers(1, 30)),
)
def test_every_kept_version_can_be_rebuilt(snapshots: list[bool], used: set[int]) -> None:
    bases = {
        number: 0 if snapshot or number == 1 else number - 1
        for number, snapshot in enumerate(snapshots, 1)
    }
    dropped = droppable_versions(bases, used)
    kept = set(bases) - set(dropped)
    assert dropped == sorted(dropped)
    assert (used & set(bases)) | {max(bases)} <= kept
    for version in kept:
        assert bases[version] == 0 or bases[version] in kept


def test_uses_last_as_long_as_the_decisions() -> None:
    made = [
        a_decision("a", at_us=10, models={"taste": 1}),
        a_decision("b", at_us=20, models={"taste": 2}),
    ]
    commit = Commit(decisions=made, model_uses=[("propensity", 3)])
    assert uses_of(commit) == {("taste", 1): 10, ("taste", 2): 20, ("propensity", 3): 20}
    assert uses_of(Commit(model_uses=[("taste", 1)])) == {("taste", 1): FOREVER_US}
