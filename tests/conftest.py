"""What every test shares: the property tests' profile."""

import os

from hypothesis import settings

# The same examples on every machine; a longer search is one variable away.
settings.register_profile(
    "eachwise",
    derandomize=True,
    deadline=None,
    max_examples=int(os.environ.get("EACHWISE_HYPOTHESIS_EXAMPLES", "100")),
)
settings.load_profile("eachwise")
