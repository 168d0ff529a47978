"""The bound holds at all times at once, however the reviewer decides when to stop."""

from __future__ import annotations

import numpy as np
import pytest

from dcai.corrections.certificate import CONFIDENCE, bound_right, certify


def test_nothing_reviewed_says_nothing_and_everything_reviewed_says_all() -> None:
    assert bound_right(50, 0, 0) == 0
    assert bound_right(50, 50, 37) == 37
    assert not certify(50, 0, 0).valid
    assert certify(50, 50, 50).statement == "All 50 are decided."


def probability_of_ever_breaking(size: int, right: int, bound) -> float:
    """Add up, exactly, the random orders in which the bound is above the truth at some time."""
    unbroken = np.zeros(size + 1)  # by the number of right members among those drawn
    unbroken[0] = 1.0
    for drawn in range(size):
        found = np.arange(size + 1)
        chance = np.clip((right - found) / (size - drawn), 0, 1)
        hit = np.append(0.0, (unbroken * chance)[:-1])
        unbroken = unbroken * (1 - chance) + hit
        for s in np.flatnonzero(unbroken):
            if bound(size, drawn + 1, int(s)) > right:
                unbroken[s] = 0.0
    return 1.0 - float(unbroken.sum())


@pytest.mark.parametrize("size", [12, 60, 120])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.8, 0.9, 0.95, 1.0])
def test_the_bound_is_wrong_at_any_time_with_at_most_the_stated_probability(size: int, share: float) -> None:
    assert probability_of_ever_breaking(size, round(share * size), bound_right) <= 1 - CONFIDENCE


def test_refusing_is_wrong_with_at_most_the_stated_probability() -> None:
    size, right = 100, 85

    def refuse(size: int, drawn: int, found: int) -> float:
        return np.inf if certify(size, drawn, found).right_at_most + found < right else 0.0

    assert probability_of_ever_breaking(size, right, refuse) <= 1 - CONFIDENCE


def test_a_group_that_is_nearly_all_right_needs_few_reviews_and_a_bad_one_is_refused_early() -> None:
    def count_reviews(size: int, right: int, until: str) -> float:
        random, needed = np.random.default_rng(0), []
        for _ in range(99):
            draws = random.permutation(np.arange(size) < right).cumsum()
            stop = (n for n in range(1, size) if getattr(certify(size, n, int(draws[n - 1])), until))
            needed.append(next(stop, size))
        return float(np.median(needed))

    assert count_reviews(300, 285, "valid") <= 40
    assert count_reviews(1000, 140, "refused") <= 5
    assert count_reviews(300, 180, "valid") == 300


def test_worst_first_review_would_break_the_bound() -> None:
    """Reviewing the surest members first makes a group look better than it is: why only random draws count."""
    size, right = 200, 60
    surest_first = np.sort(np.arange(size) < right)[::-1].cumsum()
    assert any(
        certify(size, n + 1, int(s)).at_least > (right - s) / (size - n - 1) for n, s in enumerate(surest_first[:-1])
    )


def test_statements_say_what_is_known() -> None:
    assert certify(412, 40, 40).valid
    assert certify(412, 40, 40).statement.startswith("Accept 372 rows: at least ")
    assert certify(412, 40, 10).statement.startswith("Refused: 10 of 40 random members were right")
    assert certify(412, 5, 4).statement.startswith("Locked: 4 of 5 random members were right")
    assert certify(412, 5, 4).statement.endswith("Review more random members.")


def test_what_is_known_of_members_reviewed_in_another_order_keeps_the_promise() -> None:
    """A reviewer looks at members of their own choice first; the bound on the open ones still holds at all times."""
    size, share, random, broken, runs = 60, 0.8, np.random.default_rng(5), 0, 60
    for _ in range(runs):
        right = random.permutation(np.arange(size) < round(share * size))  # in the drawn order
        chosen = random.permutation(size)[:15] if random.random() < 0.5 else np.argsort(right, kind="stable")[:15]
        is_known = np.isin(np.arange(size), chosen)
        for n in range(1, size - 1):
            known = right[n:][is_known[n:]]
            opened = right[n:][~is_known[n:]]
            proof = certify(
                size,
                n,
                int(right[:n].sum()),
                left=len(opened),
                known_right=int(known.sum()),
                known_wrong=int((~known).sum()),
            )
            if (~opened).sum() > proof.wrong_at_most:
                broken += 1
                break
    assert broken <= (1 - CONFIDENCE) * runs
