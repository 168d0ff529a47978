"""The bound holds at all times at once, however the reviewer decides when to stop."""

from __future__ import annotations

import numpy as np
import pytest

from dcai.corrections.certificate import bound_right, certify


def test_nothing_reviewed_says_nothing_and_everything_reviewed_says_all() -> None:
    assert bound_right(50, 0, 0) == 0
    assert bound_right(50, 50, 37) == 37
    assert not certify(50, 0, 0).valid
    assert certify(50, 50, 50).statement == "All 50 are decided."


@pytest.mark.parametrize("share", [0.3, 0.6, 0.8, 0.9, 1.0])
def test_the_bound_is_wrong_at_any_time_in_at_most_one_run_of_twenty(share: float) -> None:
    size, runs = 120, 400
    right = round(share * size)
    random = np.random.default_rng(int(100 * share))
    bounds = {
        (n, s): bound_right(size, n, s)
        for n in range(size + 1)
        for s in range(max(0, n - size + right), min(n, right) + 1)
    }
    broken = 0
    for _ in range(runs):
        draws = random.permutation(np.arange(size) < right).cumsum()
        broken += any(bounds[n + 1, int(s)] > right for n, s in enumerate(draws))
    assert broken <= 0.05 * runs


def test_worst_first_review_would_break_the_bound() -> None:
    """Reviewing the surest members first makes a group look better than it is: why only random draws count."""
    size, right = 200, 60
    surest_first = np.sort(np.arange(size) < right)[::-1].cumsum()
    assert any(
        certify(size, n + 1, int(s)).at_least > (right - s) / (size - n - 1) for n, s in enumerate(surest_first[:-1])
    )


def test_statements_say_what_is_known() -> None:
    assert certify(412, 40, 40).valid
    assert certify(412, 40, 40).statement.startswith("Accept 372 more: at least ")
    assert certify(412, 40, 10).statement.startswith("Locked: 10 of 40 random members were right")
