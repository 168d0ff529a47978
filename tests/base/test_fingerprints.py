"""Version 1 of the fingerprint: the canonical texts and hashes are fixed, and the quick way to many says what the slow one says of each."""

from __future__ import annotations

import datetime as dt
import decimal
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dcai.base import fingerprints
from dcai.base.fingerprints import (
    canonical,
    canonicals,
    distinct_cells,
    from_hex,
    hash_cell,
    hash_column,
    hash_rows,
    to_hex,
)

# Logs on disk name rows by these: a change of any of them loses the rows of every log.
GOLDEN: list[tuple[object, str | None, str]] = [
    (7, "7", "52236eb1ebacda38aafc515b09e25ed9"),
    (-0.0, "0", "0ebba1e2f62a4977fbe7ece51546d938"),
    (0.1, "0.1", "c0159207988fefb58e143b3a43d6fe92"),
    (1 / 3, "0.333333333333333", "a1d6932767ac20307a1cdd081e425045"),
    (123456789012345.6, "123456789012346", "08354d67a27832cdeb449e4219ee664d"),
    (1e15, "1000000000000000", "46f046129c317ef8f044cf69ab6e0588"),
    (2.0**60, "1152921504606846976", "354e9bb5e61332ffa31aa497682f2669"),
    (1e22, "1e+22", "84035091a5c71d975f571d4e9d3b30c2"),
    (1.5e-7, "1.5e-07", "9809957a66aa739251956260c63949d0"),
    (float("inf"), "inf", "546ff77636a7ea90792b8b1ce21d6213"),
    (2**64, "1.84467440737096e+19", "2740fd45107443e8e888363743ac4e94"),
    (10**30, "1e+30", "5013e4182a286bf55b180613a47b70e2"),
    (True, "true", "df5c7a94656770f9c1827f4758711c1f"),
    ("007", "7", "52236eb1ebacda38aafc515b09e25ed9"),
    ("+1.50", "1.5", "e5f78fb7ef64a3805a1a4a4913e78b93"),
    ("1e3", "1000", "e7aae157897629ef06161aa8bcc46a50"),
    (" 7.0 ", "7", "52236eb1ebacda38aafc515b09e25ed9"),
    ("-0", "0", "0ebba1e2f62a4977fbe7ece51546d938"),
    ("TRUE", "true", "df5c7a94656770f9c1827f4758711c1f"),
    ("-Infinity", "-inf", "000f063ca4136d281d740ebe965a3e4c"),
    ("2020-01-02 00:00", "2020-01-02", "a5b0e57d3bdaddd26f41d8d19b20c9cd"),
    ("2020-01-02T03:04:05.5+02:00", "2020-01-02T01:04:05.500000Z", "b49609fe9adc08882d13b7a034e2e8ee"),
    ("2020-02-30", "2020-02-30", "d23163f99734cc4e84ec91a4166f7806"),
    ("Cat ", "Cat ", "83f1cfe78a0ed7febbbc413d291c0b2b"),
    ("é", "é", "9f6ca8f7ceb3bb585df4def61bccd07a"),
    ("x" * 50, "x" * 50, "2fe6a1d8f32f19afd767602ad0bcadb7"),
    ("[1, 'a']", '["1", "a"]', "5bd83b6caefbff51f73677316e8da140"),
    ("1_000", "1_000", "32c586bff35f07c014f19b4c80f457a6"),
    ("N/A", None, "0" * 32),
    (None, None, "0" * 32),
    (b"abc", "bytes:06b05ab6733a618578af5f94892f3950", "f5c68f13a6d49a06db320fb39045a44b"),
    (pd.Timestamp("2021-03-04T05:06:07"), "2021-03-04T05:06:07", "b6c703fff54750db1e4cc1d47c5721b4"),
    (dt.date(2020, 1, 2), "2020-01-02", "a5b0e57d3bdaddd26f41d8d19b20c9cd"),
    (decimal.Decimal("1.10"), "1.1", "25084a232eab34800dfc90db7abb3075"),
    (("b", 1), '["b", "1"]', "cec34de10cfb69e9d68b7cea664628f6"),
    ({"b", "a"}, '["a", "b"]', "6d6dc6ae0dd1d99ee79fa042a0b59216"),
    (np.float32(0.1), "0.1", "c0159207988fefb58e143b3a43d6fe92"),
]


@pytest.mark.parametrize(("cell", "text", "digits"), GOLDEN, ids=map(str, range(len(GOLDEN))))
def test_the_format_is_fixed(cell: object, text: str | None, digits: str) -> None:
    assert canonical(cell) == text
    assert to_hex(hash_cell("some column", text)) == digits
    assert from_hex(digits) == hash_cell("some column", text)
    holder = pd.Series([None, cell], dtype=object)
    assert [to_hex(lanes) for lanes in hash_column("some column", holder).tolist()] == ["0" * 32, digits]


def test_the_hash_of_a_typed_row_is_fixed() -> None:
    frame = pd.DataFrame(
        {
            "n": [1, 2, 3],
            "x": [0.5, -0.0, np.nan],
            "t": pd.Series(["a", "7.0", None], dtype=object),
            "d": pd.to_datetime(["2020-01-01 00:00", "2020-01-02 03:04", None]),
            "b": [True, False, True],
            "c": pd.Categorical(["u", "v", None]),
            "f": np.array([0.1, 2.5, 3], dtype="float32"),
        }
    )
    assert [to_hex(lanes) for lanes in hash_rows(frame).tolist()] == [
        "1062cda9f8f5fe9f95afa32309cd543e",
        "1bd362fedd35b5a35dd36a513bf903bc",
        "8d1df428215d9f3faa549cdd82e7a886",
    ]


# ---------------------------------------------------------------- quick = slow

PIECES = "\t \x1c\x85\xa0\u2003+-.0123456789eEiInNfFtTaAyYrRuUlLsS#<>/[]',\"TZ:_ é中\u0660\u017f\u0131\u0130\x00"
WRITTEN = [
    *sorted(fingerprints.MISSING_TEXTS), "true", "TRUE", "fAlse", "inf", "-Infinity", "2020-01-02", "2020-13-02",
    "2020-01-02T03:04", "2020-01-02 03:04:05.123456789Z", "2020-01-02T00:00+02:00", "1e5", "1_0", "[1, 2]", "['a']", "007",
    "18446744073709551615", "18446744073709551616", "9999999999999999999", "99999999999999999999", "0", "-0", "+1", "1.", ".5",
    "  ", "a\x00b", "a\x00c", "The cat", "x" * 41, "1" * 41, "\ud800",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(WRITTEN),
    st.text(PIECES, max_size=6),
    st.tuples(st.sampled_from(WRITTEN), st.text(PIECES, max_size=1)).map("".join),
)
FLOATS = st.one_of(
    st.floats(),
    st.floats(-1e6, 1e6).map(lambda x: round(x, 3)),
    st.integers(-(2**66), 2**66).map(float),
    st.sampled_from([1e15, -1e15, 999999999999999.9, 999999999999999.0, 1e-5, 5e-324, 2.0**64]),
)
INTEGERS = st.one_of(st.integers(-9, 9), st.integers(-(2**66), 2**66))
SOON = st.datetimes(pd.Timestamp("1700-01-01").to_pydatetime(), pd.Timestamp("2200-01-01").to_pydatetime())
MOMENTS = st.datetimes().map(lambda t: t.replace(microsecond=0) if t.second % 2 else t)
OTHERS: list[Any] = [
    True, False, np.True_, np.int8(3), np.float32(0.1), np.float64(0.1), np.str_("7"), b"x", decimal.Decimal("1.10"), pd.NA, pd.NaT,
    dt.date(2020, 1, 1), pd.Timestamp("2020-01-01", tz="UTC"), pd.Timedelta(1), ("a", 1), ["a"], {"a"}, np.arange(2), np.arange(2.0), 1j,
]  # fmt: skip
MISSING = st.sampled_from([None, float("nan"), pd.NA, pd.NaT])


def check(column: pd.Series[Any]) -> None:
    """Hold the quick way to a whole column against the slow way to each cell."""
    wanted = [canonical(cell) for cell in column]
    assert canonicals(column).tolist() == wanted
    assert hash_column("na%me é", column).tolist() == [list(hash_cell("na%me é", text)) for text in wanted]
    codes, cells = distinct_cells(column)
    assert [None if code < 0 else canonical(cells[code]) for code in codes] == wanted


@pytest.mark.parametrize(
    "cells",
    [TEXTS, FLOATS, INTEGERS, MOMENTS, st.sampled_from(OTHERS), None],
    ids=["text", "float", "int", "date", "other", "all"],
)
@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_a_column_of_objects_says_what_its_cells_say(cells: Any, data: Any) -> None:
    kinds = st.one_of(TEXTS, FLOATS, INTEGERS, MOMENTS, st.sampled_from(OTHERS)) if cells is None else cells
    drawn = data.draw(st.lists(st.one_of(kinds, kinds, kinds, MISSING), max_size=12))
    holder = np.empty(len(drawn), dtype=object)
    holder[:] = [*drawn]
    check(pd.Series(holder, dtype=object))


@given(st.lists(FLOATS, max_size=12))
@example([-0.0, 0.0, float("inf"), float("-inf"), float("nan")])
@settings(max_examples=80, deadline=None)
def test_a_typed_column_of_numbers_says_what_its_cells_say(numbers: list[float]) -> None:
    column = pd.Series(numbers, dtype="float64")
    check(column)
    check(column.astype("Float64"))
    with np.errstate(over="ignore"):
        check(column.astype("float32"))
    whole = pd.Series([int(x) for x in numbers if abs(x) < 2**62], dtype="int64")
    check(whole)
    check(whole.astype("Int64").where(whole != 0))
    check(column.astype("category"))


@given(st.lists(TEXTS.filter(lambda t: t.isprintable() or t.isascii()), max_size=12))
@settings(max_examples=80, deadline=None)
def test_a_typed_column_of_texts_says_what_its_cells_say(texts: list[str]) -> None:
    check(pd.Series(texts, dtype="string[python]"))
    check(pd.Series(texts, dtype=object).astype("category"))
    check(pd.Series([*texts, None], dtype="string[pyarrow]"))


@given(st.lists(st.one_of(SOON, st.none()), max_size=12))
@settings(max_examples=80, deadline=None)
def test_a_typed_column_of_dates_says_what_its_cells_say(moments: list[dt.datetime | None]) -> None:
    for unit in ("s", "ms", "us", "ns"):
        column = pd.Series(moments, dtype="datetime64[us]").astype(f"datetime64[{unit}]")
        check(column)
        check(column.dt.floor("D"))
        check(column.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))
    check(pd.Series(moments, dtype="datetime64[us]").astype("datetime64[ns]") + pd.Timedelta(1, "ns"))


def test_years_that_python_does_not_know_say_what_their_cells_say() -> None:
    years = np.array(["0001-01-01", "9999-12-31T23:59:59", "1000-01-01"], dtype="datetime64[s]")
    check(pd.Series(years))


def test_every_white_space_may_stand_before_a_number() -> None:
    spaces = {c for c in map(chr, range(sys.maxunicode + 1)) if c.isspace()}
    assert spaces <= fingerprints._STARTS
    assert {canonical(f"{space}7.0") for space in spaces} == {"7"}


def test_letters_that_look_like_infinity_are_text() -> None:
    for text in ("\u0131nf", "\u0130NF", "-\u0130nfinity"):
        assert canonical(text) == text


@given(st.decimals(-(10**16), 10**16, allow_nan=False, allow_infinity=False, places=5), st.integers(0, 6))
@example(decimal.Decimal("0.00012"), 5)
@example(decimal.Decimal("0.00001"), 5)
@settings(max_examples=200, deadline=None)
def test_a_decimal_fraction_as_text_is_the_float_next_to_it(number: decimal.Decimal, places: int) -> None:
    for text in (f"{number:.{places}f}", f"{number / 10**9:f}", f"{number.scaleb(-12):f}"):
        assert canonical(text) == canonical(float(text))
