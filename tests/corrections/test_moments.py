"""The moment of a log that rows show: told by which states are there, the latest of those that fit equally well."""

from __future__ import annotations

from collections import Counter

from dcai.corrections.decisions.moments import Change, guess_moment

A, B, C = ("a", "0"), ("b", "0"), ("c", "0")


def test_what_was_decided_before_is_done_and_what_came_later_is_not() -> None:
    changes = [Change("1", 0, None), Change("2", 1, B)]
    assert guess_moment([A, A], changes, Counter([A, A]), {}) == [A, A]
    assert guess_moment([A, A], changes, Counter([A]), {}) == [None, A]
    assert guess_moment([A, A], changes, Counter([B]), {}) == [None, B]


def test_a_row_that_looks_like_an_outcome_by_chance_does_not_make_a_later_moment() -> None:
    changes = [Change("1", 0, None), Change("2", 1, B)]
    assert guess_moment([A, A], changes, Counter([A, B]), {}) == [None, A]


def test_of_moments_that_fit_equally_well_the_latest_counts() -> None:
    swap = [Change("1", 0, B), Change("2", 1, A)]
    assert guess_moment([A, B], swap, Counter([A, B]), {}) == [B, A]


def test_the_order_of_the_changes_does_not_matter() -> None:
    changes = [Change("2", 0, C), Change("1", 0, B)]
    assert guess_moment([A], changes, Counter([C]), {}) == [C]
    assert guess_moment([A], changes, Counter([B]), {}) == [B]


def test_rows_that_may_be_there_or_not_speak_for_no_moment() -> None:
    changes = [Change("1", 0, B)]
    assert guess_moment([A], changes, Counter([A, B]), {A: 1}) == [B]
    assert guess_moment([A], changes, Counter([A, B]), {}) == [A]
