"""How the tests draw their random examples.

Under the profile `ci`, the default, every run draws the same examples. `HYPOTHESIS_PROFILE=thorough` draws
many more, and new ones on every run; a failure is kept in `.hypothesis/` and tried first the next time.
"""

import os

from hypothesis import HealthCheck, settings

# Run by hand (`python -m tests.benchmarks`): timing has no place among the tests.
collect_ignore = ["benchmarks"]

# How long an example takes says something about the machine, not about the code: no deadline, no "too slow".
settings.register_profile(
    "ci",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    deadline=None,
    max_examples=500,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))
