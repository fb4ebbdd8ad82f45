"""What the demo refuses before it starts anything."""

import pytest

from eachwise.contracts.errors import InvalidInput
from eachwise.demo import run_demo


@pytest.mark.parametrize(
    ("people", "days", "field"), [(0, 5, "people"), (10, 0, "days"), (10, 400, "days")]
)
def test_worlds_that_do_not_exist_are_refused(people: int, days: int, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        run_demo(port=0, store=None, people=people, days=days, seed=1)
    assert refused.value.field == field
    assert f"--{field}" in refused.value.message
