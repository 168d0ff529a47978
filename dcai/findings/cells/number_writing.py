"""Columns of numbers: units, currencies, marks of thousands, leading zeros, surplus digits, and what is no number."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from dcai.base.display import show_share
from dcai.findings.cells.formats import Number, read_number, read_span, write_shape
from dcai.findings.cells.spellings import distance
from dcai.findings.cells.writing import FEW_ALIEN, MAJORITY, RECURRING, TYPED, Unlike, Writing, doubt_of

MOST_UNITS = 12  # beyond it, the words after the numbers are texts
STRICT = 0.9  # of the numbers have as many digits
_SAME_UNITS = (
    "oz ounce ounces",
    "lb lbs pound pounds",
    "in inch inches",
    "ft foot feet",
    "mi mile miles",
    "m meter meters metre metres",
    "km kilometer kilometers kilometre kilometres",
    "g gr gram grams",
    "kg kgs kilogram kilograms kilo kilos",
    "ml milliliter milliliters",
    "l liter liters litre litres",
    "gal gallon gallons",
    "% percent pct",
    "min mins minute minutes",
    "h hr hrs hour hours",
    "s sec secs second seconds",
    "d day days",
    "wk week weeks",
    "mo mos month months",
    "y yr yrs year years",
    "kb kilobyte kilobytes",
    "mb megabyte megabytes",
    "gb gigabyte gigabytes",
    "tb terabyte terabytes",
    "$ usd dollar dollars us$",
    "€ eur euro euros",
    "£ gbp pound pounds",
)
_UNITS = {word: line.split()[0] for line in reversed(_SAME_UNITS) for word in line.split()}
_NOISE = re.compile(r"-?\d+\.\d*(?:0{6,}\d{1,3}|9{6,}\d{1,3})\Z")
_ZERO = re.compile(r"-?\d+\.0+")
_CONFIDENT = 0.97
LONG = 4  # digits of a code
APART = 3  # times smaller or larger than all others
_FEW_OTHERS = 0.05
OWN_WAY = 0.01  # of the rows
_MINUTES = {"min"}


@dataclass
class _Numbers:
    """The numbers of a column, and what was found about each value."""

    writing: Writing
    read: dict[str, Number]
    found: dict[str, Unlike] = field(default_factory=dict)
    unit: str = ""
    before: str = ""
    mark: str = ""

    def add(self, value: str, doubt: float, reason: str, suggested: str | None, confidence: float) -> None:
        """Keep the worst of what is said about a value."""
        if value not in self.found or self.found[value].doubt < doubt:
            self.found[value] = Unlike(doubt, reason, suggested, confidence if suggested is not None else float("nan"))

    def rewrite(self, value: str) -> str:
        """Write a number as its column does."""
        number = self.read[value]
        plain = _round_noise(number.plain)
        if self.mark == "," and number.is_long:
            whole, dot, rest = plain.partition(".")
            plain = f"{int(whole):,}{dot}{rest}"
        return f"{self.before}{plain}{self.unit}"


def judge_numbers(writing: Writing) -> dict[str, Unlike] | None:
    """Find the values that are written unlike the numbers around them; None where the column holds no numbers.

    Examples
    --------
    >>> found = judge_numbers(Writing("size", {f"{n}.5": 3 for n in range(40)} | {"7.5 oz": 4, "8,5": 1}))
    >>> {value: unlike.suggested for value, unlike in found.items()}
    {'7.5 oz': '7.5', '8,5': '8.5'}
    """
    read = {v: n for v in writing.rows if (n := read_number(v)) is not None}
    after = Counter[str]()
    for value, number in read.items():
        after[number.after] += writing.rows[value]
    usual = _find_units(after)
    numbers = {v: n for v, n in read.items() if not n.after or n.after in usual}
    spans = {v: m for v in writing.rows if v not in numbers and (m := read_span(v)) is not None}
    if writing.share([*numbers, *spans]) < TYPED or not numbers or not _measures_one(after, usual):
        return None
    state = _Numbers(writing, numbers)
    _judge_units(state)
    _judge_currency(state)
    _judge_marks(state)
    _judge_digits(state)
    _judge_zeros(state)
    _judge_lengths(state)
    _judge_spans(state, spans)
    _judge_aliens(state, read)
    return state.found


def _find_units(after: Counter[str]) -> set[str]:
    """Choose what recurs after the numbers; several single letters right after them, as in 4A and 4B, make codes."""
    usual = {a for a, rows in after.items() if a and rows >= RECURRING}
    letters = {a for a in after if len(a) == 1 and a.isalpha()}
    return usual - letters if len(letters) > 1 else usual


def _measures_one(after: Counter[str], usual: set[str]) -> bool:
    """Say whether the numbers measure one thing: most have the same unit or none; else they are texts such as addresses."""
    kinds = Counter[str]()
    for unit, rows in after.items():
        if not unit or unit in usual:
            kinds[_fold_unit(unit)] += rows
    bare = kinds.pop("", 0)
    return len(kinds) <= MOST_UNITS and bare + max(kinds.values(), default=0) >= TYPED * sum(after.values())


def _fold_unit(after: str) -> str:
    """Name a unit whatever its spelling: its first word, without dots and case."""
    words = after.strip().casefold().replace(".", " ").split()
    return _UNITS.get(words[0], words[0]) if words else ""


def _judge_units(state: _Numbers) -> None:
    """Choose the unit that belongs after the numbers, and find the numbers with another or none."""
    values = list(state.read)
    ranked = state.writing.rank(lambda v: state.read[v].after, values)
    total = sum(rows for _, rows in ranked)
    shares = {after: rows / total for after, rows in ranked}
    bare = shares.get("", 0.0)
    top, most = ranked[0] if ranked[0][0] or len(ranked) == 1 else ranked[1]
    kinds = {_fold_unit(after) for after in shares if after}
    if bare == 1 or not top:
        return
    if bare < MAJORITY and most / total < MAJORITY and bare < most / total:
        if len(kinds) == 1:
            _judge_no_usual_unit(state, shares)
        return
    state.unit = top if most / total > bare else ""
    sure = _CONFIDENT if len(kinds) == 1 else 0.6
    scale = {a: _same_scale(state, a) if not state.unit or not a else 1.0 for a in shares}
    said = (
        f"{show_share(most / total)} of {state.writing.name!r} end in {state.unit.strip()!r}, and {{!r}} does not."
        if state.unit
        else f"{{!r}} carries a unit, but {show_share(bare)} of the numbers of {state.writing.name!r} stand alone."
    )
    for value in values:
        after = state.read[value].after
        if after == state.unit or _is_plural(state.read[value], state.unit):
            continue
        same = not state.unit or not after or _fold_unit(after) == _fold_unit(state.unit)
        if not same and (_is_unit(after) or shares[after] > _FEW_OTHERS):
            continue  # kilograms beside pounds: another unit is another value
        suggested = state.rewrite(value) if same else None
        state.add(value, doubt_of(shares[after]), said.format(value), suggested, sure * scale[after])


def _is_unit(after: str) -> bool:
    return _fold_unit(after) in _UNITS.values()


def _is_plural(number: Number, unit: str) -> bool:
    """Say whether the unit is the usual one in the number that grammar asks for: 1 bed, 2 beds."""
    mine, usual = number.after.strip().casefold(), unit.strip().casefold()
    return mine != usual and mine.rstrip("s") == usual.rstrip("s") and mine.endswith("s") == (abs(number.value) != 1)


def _judge_no_usual_unit(state: _Numbers, shares: dict[str, float]) -> None:
    """Find all numbers with a unit, where it is the same one in so many spellings that none is usual."""
    spelled = len([after for after in shares if after])
    for value, number in state.read.items():
        if number.after:
            reason = (
                f"{value!r} carries a unit that {state.writing.name!r} writes in {spelled} ways, none of them in most rows: "
                "the number alone would be the same in every row."
            )
            state.add(value, 0.6, reason, _round_noise(number.plain), 0.8)


def _same_scale(state: _Numbers, after: str) -> float:
    """Say how sure it is that numbers with and without a unit measure on one scale, by their middle values."""
    mine = [abs(n.value) for n in state.read.values() if n.after == after]
    others = [abs(n.value) for n in state.read.values() if n.after != after]
    if not others or not mine:
        return 1.0
    one, other = float(np.median(mine)), float(np.median(others))
    low, high = np.percentile(others, [1, 99])
    inside = float(np.mean([low <= v <= high for v in mine]))
    return 1.0 if one == other or (inside > 0.8 and 0.2 < (one + 1e-12) / (other + 1e-12) < 5) else 0.6  # noqa: PLR2004 (a unit of another size changes numbers tenfold)


def _judge_currency(state: _Numbers) -> None:
    values = list(state.read)
    ranked = state.writing.rank(lambda v: state.read[v].before, values)
    total = sum(rows for _, rows in ranked)
    shares = {before: rows / total for before, rows in ranked}
    state.before = ranked[0][0] if ranked[0][1] > MAJORITY * total else ""
    if len(ranked) == 1 or ranked[0][1] <= MAJORITY * total:
        return
    for value in values:
        before = state.read[value].before
        if before == state.before or "(" in before + state.before:
            continue
        if before and state.before and _UNITS.get(before.casefold()) != _UNITS.get(state.before.casefold(), before):
            continue  # another currency is another value
        usual = f"begin with {state.before!r}" if state.before else "have no currency before them"
        reason = f"{show_share(ranked[0][1] / total)} of the numbers of {state.writing.name!r} {usual}, and {value!r} is written otherwise."
        state.add(value, doubt_of(shares[before]), reason, state.rewrite(value), 0.9)


def _judge_marks(state: _Numbers) -> None:
    """Judge marks of thousands and decimal commas.

    A mark keeps a cell from being read as a number. Where all long numbers have it, and short ones stand beside them
    without any mark, unit or currency, the column is one of bare numbers that the mark breaks.
    """
    rows = state.writing.rows
    long = {v: n for v, n in state.read.items() if n.is_long and n.mark != "decimal comma"}
    plain, marked = [v for v, n in long.items() if not n.mark], [v for v, n in long.items() if n.mark]
    total = sum(rows[v] for v in long) or 1
    bare = sum(rows[v] for v, n in state.read.items() if not (n.mark or n.after or n.before))
    alone = sum(rows[v] for v, n in state.read.items() if not (n.after or n.before)) >= TYPED * state.writing.total
    share = sum(rows[v] for v in plain) / total
    if marked and plain and share < 1 - TYPED / 2 and share < MAJORITY / 2:
        state.mark = state.read[marked[0]].mark
        for value in plain:
            reason = f"{show_share(1 - share)} of the long numbers of {state.writing.name!r} have marks of thousands, and {value!r} has none."
            state.add(value, doubt_of(share), reason, state.rewrite(value) if state.mark == "," else None, 0.9)
    elif marked and (plain or (alone and bare >= max(RECURRING, 0.05 * state.writing.total))):
        doubt = max(0.55, doubt_of(1 - share)) if plain else 0.55
        for value in marked:
            reason = f"The mark of thousands keeps {value!r} from being read as a number, as others of {state.writing.name!r} are."
            state.add(value, doubt, reason, state.rewrite(value), _CONFIDENT if share > MAJORITY else 0.9)
    comma = [v for v, n in state.read.items() if n.mark == "decimal comma"]
    point = [v for v, n in state.read.items() if n.mark != "decimal comma" and "." in n.plain]
    if comma and sum(rows[v] for v in comma) < sum(rows[v] for v in point):
        part = sum(rows[v] for v in comma) / sum(rows[v] for v in [*comma, *point])
        for value in comma:
            reason = f"{value!r} has a comma where the other numbers of {state.writing.name!r} have a point."
            state.add(value, doubt_of(part), reason, state.rewrite(value), 0.9)


def _round_noise(plain: str) -> str:
    """Take off the digits that a sum of binary fractions leaves behind.

    Examples
    --------
    >>> _round_noise("0.10400000000000001"), _round_noise("0.12345678901")
    ('0.104', '0.12345678901')
    """
    if not _NOISE.match(plain):
        return plain
    return np.format_float_positional(round(float(plain), 10), trim="0")


def _judge_digits(state: _Numbers) -> None:
    """Find numbers with digits that no one wrote, and whole ones with a fraction of zero among whole ones without."""
    noisy = [v for v, n in state.read.items() if _NOISE.match(n.plain)]
    if noisy and state.writing.share(noisy) < MAJORITY:
        for value in noisy:
            reason = f"{value!r} ends in digits that a computer's rounding leaves behind."
            state.add(value, 0.7, reason, state.rewrite(value), 0.95)
    zero = [v for v, n in state.read.items() if _ZERO.fullmatch(n.plain)]
    broken = any("." in n.plain and not _ZERO.fullmatch(n.plain) for n in state.read.values())
    share = state.writing.share(zero)
    if zero and not broken and share < FEW_ALIEN:
        for value in zero:
            reason = f"The other numbers of {state.writing.name!r} are whole and have no decimals, as {value!r} has."
            suggested = state.read[value].plain.partition(".")[0]
            state.add(value, doubt_of(share), reason, f"{state.before}{suggested}{state.unit}", _CONFIDENT)


def _judge_zeros(state: _Numbers) -> None:
    """Find numbers with leading zeros among numbers, and codes of digits that lost theirs."""
    whole = {v: n.plain for v, n in state.read.items() if n.plain.isdigit() and not n.mark}
    zeros = [v for v, p in whole.items() if len(p) > 1 and p[0] == "0"]
    if not zeros:
        return
    lengths = state.writing.rank(lambda v: str(len(whole[v])), list(whole))
    usual, total = int(lengths[0][0]), sum(rows for _, rows in lengths)
    full = [v for v in zeros if len(whole[v]) == usual]
    if lengths[0][1] > (1 - FEW_ALIEN) * total and full and usual > 2:  # noqa: PLR2004 (days and months are no codes)
        for value, plain in whole.items():
            if len(plain) < usual:
                share = dict(lengths)[str(len(plain))] / total
                reason = f"{value!r} seems to have lost its leading zeros: {show_share(lengths[0][1] / total)} of {state.writing.name!r} have {usual} digits."
                state.add(value, doubt_of(share), reason, value.replace(plain, plain.zfill(usual)), 0.96)
    elif state.writing.share(zeros) < FEW_ALIEN / 4 and not full:
        for value in zeros:
            reason = f"{value!r} has leading zeros, and the other numbers of {state.writing.name!r} have none."
            state.add(value, doubt_of(state.writing.share(zeros)), reason, str(int(whole[value])), 0.7)


def _judge_spans(state: _Numbers, spans: dict[str, float]) -> None:
    """Find durations in hours and minutes among those in minutes."""
    if _fold_unit(state.unit) not in _MINUTES or not spans:
        return
    share = state.writing.share(list(spans))
    for value, minutes in spans.items():
        reason = f"{value!r} is a duration that the other values of {state.writing.name!r} write in{state.unit}."
        state.add(value, doubt_of(share), reason, f"{minutes:g}{state.unit}", 0.9)


def _judge_lengths(state: _Numbers) -> None:
    """Find whole numbers with a digit too few or too many, far from all those with the usual number of digits."""
    whole = {v: n.plain for v, n in state.read.items() if n.plain.isdigit() and not n.mark}
    if not whole or state.writing.share(list(whole)) < 1 - FEW_ALIEN / 4:
        return
    lengths = state.writing.rank(lambda v: str(len(whole[v])), list(whole))
    usual = int(lengths[0][0])
    full = [float(p) for p in whole.values() if len(p) == usual]
    if usual < LONG or lengths[0][1] < STRICT * state.writing.total or len(full) < MOST_UNITS:
        return
    low, high = min(full), max(full)
    for value, plain in whole.items():
        # Next to the others it is a number like them; so far away it is another kind.
        if len(plain) != usual and not low / APART <= float(plain) <= high * APART:
            reason = f"{value!r} has {len(plain)} digits, and {show_share(lengths[0][1] / state.writing.total)} of {state.writing.name!r} have {usual}."
            state.add(value, doubt_of(dict(lengths)[str(len(plain))] / state.writing.total) - 0.1, reason, None, 0.0)


def _judge_aliens(state: _Numbers, read: dict[str, Number]) -> None:
    """Find what is no number, where few values are not."""
    writing = state.writing
    aliens = [v for v in writing.rows if v not in state.read and v not in state.found]
    share = writing.share(aliens)
    if not aliens or share > FEW_ALIEN:
        return
    shapes, values = Counter[str](), Counter[str]()
    for value in aliens:
        shapes[write_shape(value, 2)] += writing.rows[value]
        values[write_shape(value, 2)] += 1
    usual = {write_shape(v, 2) for v in state.read}
    exact = writing.rank(write_shape, list(state.read))
    strict = exact[0][1] >= STRICT * sum(rows for _, rows in exact)
    for value in aliens:
        shape = write_shape(value, 2)
        part = shapes[shape] / writing.total
        digits = any(c.isdigit() for c in value)
        measured = bool(state.unit) and value.endswith(state.unit)
        again = writing.rows[value] >= RECURRING
        # Numbers so free leave room for a second way of writing, and for values that come again.
        if not (strict or measured or shape in usual) and part >= OWN_WAY and (again or values[shape] >= RECURRING):
            continue
        if not (digits or measured) and (again or share > FEW_ALIEN / 2):
            continue  # a word that comes again is a value of its own
        suggested, confidence = _mend(state, read.get(value))
        reason = f"{value!r} is no number as {show_share(1 - share)} of {writing.name!r} are."
        state.add(value, doubt_of(part) if digits else 0.6, reason, suggested, confidence)


def _mend(state: _Numbers, number: Number | None) -> tuple[str | None, float]:
    """Suggest a number for what is none, where its unit is misspelt."""
    if number is None or not state.unit:
        return None, float("nan")
    after, unit = number.after, state.unit
    edits = distance(after, unit, 1 + len(unit) // 3)
    if edits > 1 + len(unit) // 3:
        return None, float("nan")
    # A letter more may stand for a digit that was lost; a letter for a letter may not.
    return f"{number.plain}{unit}", _CONFIDENT if len(after) == len(unit) and len(unit) > 3 else 0.6  # noqa: PLR2004 (a unit of few letters may be another)
