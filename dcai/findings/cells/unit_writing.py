"""Units after numbers: the unit that a column has, and the numbers that have another or none."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dcai.base.display import show_share
from dcai.findings.cells.formats import Number
from dcai.findings.cells.units import convert, fold_unit, is_unit
from dcai.findings.cells.writing import MAJORITY, Unlike, Writing, doubt_of

NOISE = re.compile(r"-?\d+\.\d*(?:0{6,}\d{1,3}|9{6,}\d{1,3})\Z")
CONFIDENT = 0.97
_CONVERTED = 0.85  # digits may have been lost on the way to the other unit
_UNSURE = 0.6
_FEW_OTHERS = 0.05


@dataclass
class Numbers:
    """The numbers of a column, and what was found about each value."""

    writing: Writing
    read: dict[str, Number]
    found: dict[str, Unlike] = field(default_factory=dict)
    unit: str = ""
    before: str = ""
    mark: str = ""
    strange: set[str] = field(default_factory=set)
    commas: bool = False  # decimal ones: then "1,234" may be two numbers

    def __post_init__(self) -> None:
        """Look for decimal commas; "0,125" has one, too."""
        self.commas = any(
            n.mark == "decimal comma" or (n.mark == "," and n.plain.lstrip("-")[0] == "0") for n in self.read.values()
        )

    def add(self, value: str, doubt: float, reason: str, suggested: str | None, confidence: float) -> None:
        """Keep the worst of what is said about a value."""
        if value not in self.found or self.found[value].doubt < doubt:
            self.found[value] = Unlike(doubt, reason, suggested, confidence if suggested is not None else float("nan"))

    def is_ambiguous(self, value: str) -> bool:
        """Say whether the mark of thousands of a number may be its decimal comma."""
        number = self.read[value]
        return number.mark == "," and value.count(",") == 1 and "." not in number.plain

    def rewrite(self, value: str, *, trusted: bool = False) -> str | None:
        """Write a number as its column does; None for one in another unit, unless it is known to be the same."""
        if value in self.strange and not trusted:
            return None
        number = self.read[value]
        plain = round_noise(number.plain)
        if self.commas and self.is_ambiguous(value):
            return None
        if self.mark == "," and number.is_long:
            if "e" in plain.casefold():
                return None  # digits with a power of ten have no thousands
            whole, dot, rest = plain.partition(".")
            plain = f"{int(whole):,}{dot}{rest}"
        return f"{self.before}{plain}{self.unit}"


def round_noise(plain: str) -> str:
    """Take off the digits that a sum of binary fractions leaves behind.

    Examples
    --------
    >>> round_noise("0.10400000000000001"), round_noise("0.12345678901")
    ('0.104', '0.12345678901')
    """
    if not NOISE.match(plain):
        return plain
    return np.format_float_positional(round(float(plain), 10), trim="0")


def judge_units(state: Numbers) -> None:
    """Choose the unit that belongs after the numbers, and find the numbers with another or none.

    Examples
    --------
    >>> from dcai.findings.cells.formats import read_number
    >>> rows = {f"{n} kg": 3 for n in range(60, 90)} | {"165 lb": 1}
    >>> state = Numbers(Writing("weight", rows), {v: n for v in rows if (n := read_number(v)) is not None})
    >>> judge_units(state)
    >>> {value: unlike.suggested for value, unlike in state.found.items()}
    {'165 lb': '75 kg'}
    """
    values = list(state.read)
    ranked = state.writing.rank(lambda v: state.read[v].after, values)
    total = sum(rows for _, rows in ranked)
    shares = {after: rows / total for after, rows in ranked}
    bare = shares.get("", 0.0)
    top, most = ranked[0] if ranked[0][0] or len(ranked) == 1 else ranked[1]
    kinds = {fold_unit(after) for after in shares if after}
    if bare == 1 or not top:
        return
    if bare < MAJORITY and most / total < MAJORITY and bare < most / total:
        if len(kinds) == 1:
            _judge_no_usual_unit(state, shares)
        return
    state.unit = top if most / total > bare else ""
    sure = CONFIDENT if len(kinds) == 1 else _UNSURE
    usual = fold_unit(state.unit)
    parts: dict[str, float] = {}
    for after, share in shares.items():
        parts[fold_unit(after)] = parts.get(fold_unit(after), 0.0) + share
    for after, share in shares.items():
        kind = fold_unit(after)
        if after == state.unit or (usual and kind and kind != usual and parts[kind] > _FEW_OTHERS):
            continue  # half in kilograms and half in pounds: another unit is another value
        its = [v for v in values if state.read[v].after == after and not _is_plural(state.read[v], state.unit)]
        if kind != usual:
            state.strange |= set(its)
        factor = _find_factor(state, after, its) if kind != usual else 1.0
        # What usually multiplies a number makes its loss less sure.
        safe = (
            _CONVERTED
            if factor != 1
            else _UNSURE
            if kind and convert(after, state.unit) is not None and not is_unit(after)
            else sure
        )
        said = _describe_unit(state, after, most / total if state.unit else bare)
        for value in its:
            suggested = _convert(state, value, factor)
            state.add(value, doubt_of(share), said.format(value), suggested, safe)


def _describe_unit(state: Numbers, after: str, share: float) -> str:
    """Say how the unit differs from the usual one, with a place for the value."""
    name, part = state.writing.name, show_share(share)
    said = (
        f"{part} of {name!r} end in {state.unit.strip()!r}, and {{!r}} does not."
        if state.unit and (not after or fold_unit(after) == fold_unit(state.unit))
        else f"{{!r}} is in {after.strip()!r}, and {part} of {name!r} are in {state.unit.strip()!r}."
        if state.unit
        else f"{{!r}} carries a unit, but {part} of the numbers of {name!r} stand alone."
    )
    return said.replace("{", "{{").replace("}", "}}").replace("{{!r}}", "{!r}")


def _find_factor(state: Numbers, after: str, values: Sequence[str]) -> float | None:
    """Choose by what numbers with this unit must be multiplied to fit among the others; None where nothing tells.

    A number that loses its unit as it stands is one more candidate, unless its unit is another one than the others have.
    """
    known = convert(after, state.unit)
    others = [
        abs(n.value) for n in state.read.values() if n.after != after and fold_unit(n.after) == fold_unit(state.unit)
    ]
    candidates = (
        ({1.0} if known is None else {1.0, known})
        if not after or not state.unit
        else set()
        if known is None
        else {known}
    )
    mine = [abs(state.read[v].value) for v in values]
    if after and not state.unit and _rival_units(state, after):
        return None
    fits = [f for f in candidates if _fits([m * f for m in mine], others)]
    return fits[0] if len(fits) == 1 else None


def _rival_units(state: Numbers, after: str) -> bool:
    """Say whether another unit of the same dimension stands in more rows: then numbers alone are in that one."""
    rows: Counter[str] = Counter()
    for value, number in state.read.items():
        rows[fold_unit(number.after)] += state.writing.rows[value]
    mine = fold_unit(after)
    return any(k and k != mine and n >= rows[mine] and convert(k, mine) is not None for k, n in rows.items())


def _fits(mine: Sequence[float], others: Sequence[float]) -> bool:
    """Say whether numbers lie among others, and measure on the same scale by their middle values."""
    if not others or not mine:
        return True
    one, other = float(np.median(mine)), float(np.median(others))
    low, high = np.percentile(others, [1, 99])
    inside = float(np.mean([low <= v <= high for v in mine]))
    return one == other or (inside > 0.8 and 0.2 < (one + 1e-12) / (other + 1e-12) < 5)  # noqa: PLR2004 (a unit of another size changes numbers tenfold)


def _convert(state: Numbers, value: str, factor: float | None) -> str | None:
    """Write a number in the usual unit; None where that is not known or leaves the range of the others."""
    if factor is None:
        return None
    if factor == 1:
        return state.rewrite(value, trusted=True)
    others = {v: n for v, n in state.read.items() if v not in state.strange}
    number = state.read[value].value * factor
    sizes = [n.value for n in others.values()]
    if not min(sizes) <= number <= max(sizes):
        return None
    decimals = state.writing.rank(lambda v: str(len(others[v].plain.partition(".")[2])), list(others))[0][0]
    return f"{state.before}{number:.{decimals}f}{state.unit}"


def _is_plural(number: Number, unit: str) -> bool:
    """Say whether the unit is the usual one in the number that grammar asks for: 1 bed, 2 beds."""
    mine, usual = number.after.strip().casefold(), unit.strip().casefold()
    return mine != usual and mine.rstrip("s") == usual.rstrip("s") and mine.endswith("s") == (abs(number.value) != 1)


def _judge_no_usual_unit(state: Numbers, shares: dict[str, float]) -> None:
    """Find numbers whose unit is written in several ways, none of them that of most rows: which is right, nothing tells.

    A way of writing is doubted by the share of rows that do not have it, as everywhere. So the commonest is doubted,
    too, where less than half of the rows have it, and gets no suggestion.
    """
    state.unit = max((after for after in shares if after), key=lambda a: (shares[a], a))
    part = show_share(shares[state.unit])
    for value, number in state.read.items():
        ways = f"{state.writing.name!r} writes its unit in {len(shares)} ways: "
        if number.after == state.unit or _is_plural(number, state.unit):
            reason = f"{ways}that of {value!r} is the commonest, in {part} of the rows, and not usual."
            state.add(value, doubt_of(shares[state.unit]), reason, None, 0.0)
        else:
            reason = f"{ways}{value!r} is not written as the commonest, {state.unit.strip()!r} in {part} of the rows."
            # A word after the unit may mean something.
            sure = 0.8 if len(number.after.split()) == 1 else _UNSURE
            state.add(value, doubt_of(shares[number.after]), reason, state.rewrite(value), sure)
