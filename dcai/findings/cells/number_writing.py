"""Columns of numbers: units, currencies, marks of thousands, leading zeros, surplus digits, and what is no number."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from dcai.base.display import show_share
from dcai.findings.cells.formats import Number, read_number, read_span, write_shape
from dcai.findings.cells.spellings import distance
from dcai.findings.cells.unit_writing import CONFIDENT, NOISE, Numbers, judge_units
from dcai.findings.cells.units import UNITS, convert, fold_unit, is_unit
from dcai.findings.cells.writing import (
    FEW_ALIEN,
    MAJORITY,
    RECURRING,
    TYPED,
    Unlike,
    Writing,
    doubt_of,
    find_longer,
)

MOST_UNITS = 12  # beyond it, the words after the numbers are texts
STRICT = 0.9  # of the numbers have as many digits
_ZEROS_KEPT = 1 / 30
_ZERO = re.compile(r"-?\d+\.0+")
LONG = 4  # digits of a code
APART = 3  # times smaller or larger than all others
OWN_WAY = 0.01  # of the rows
FEW_SHORT = 0.1  # of the rows: a column with as many short numbers is of two kinds where all long ones have marks
_BROKEN = 0.5
_BROKEN_SURE = 0.8
_MINUTES = {"min"}
_HOUR = 60
_MARKED = re.compile(r"\d[^\w-]\d{3}(?!\d)")
_BOUNDED = re.compile(
    r"\s*[<>\N{LESS-THAN OR EQUAL TO}\N{GREATER-THAN OR EQUAL TO}~\N{ALMOST EQUAL TO}]=?\s*(?=[\d.+-])"
)


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
    usual |= _find_convertible(after) | _find_currencies(writing, read)
    numbers = {v: n for v, n in read.items() if not n.after or n.after in usual}
    spans = {v: m for v in writing.rows if v not in numbers and (m := read_span(v)) is not None}
    if writing.share([*numbers, *spans]) < TYPED or not numbers or not _measures_one(after, usual):
        return None
    state = Numbers(writing, numbers)
    state.before, state.mark = _choose_currency(state), _choose_mark(state)
    judge_units(state)
    _judge_currency(state)
    _judge_marks(state)
    _judge_digits(state)
    _judge_zeros(state)
    _judge_lengths(state)
    _judge_spans(state, spans)
    _judge_aliens(state, read)
    return state.found


def has_marks(writing: Writing) -> bool:
    """Say whether most numbers of a column that are long enough have marks of thousands: as given it is one of texts.

    Examples
    --------
    >>> has_marks(Writing("votes", {"1,200": 3, "15": 9})), has_marks(Writing("votes", {"1200": 3, "15": 9}))
    (True, False)
    """
    if not any(_MARKED.search(v) for v in writing.rows):
        return False
    state = Numbers(writing, {v: n for v in writing.rows if (n := read_number(v)) is not None})
    if writing.share(list(state.read)) < TYPED:
        return False
    long = [v for v, n in state.read.items() if n.is_long and n.mark != "decimal comma"]
    marked = [v for v in long if state.read[v].mark and not (state.commas and state.is_ambiguous(v))]
    return writing.share(marked) > MAJORITY * writing.share(long)


def _find_units(after: Counter[str]) -> set[str]:
    """Choose what recurs after the numbers; several single letters right after them, as in 4A and 4B, make codes."""
    usual = {a for a, rows in after.items() if a and rows >= RECURRING}
    letters = {a for a in after if len(a) == 1 and a.isalpha()}
    return usual - letters if len(letters) > 1 else usual


def _find_convertible(after: Counter[str]) -> set[str]:
    """Choose what follows few numbers, and is known to be another size of the unit that most of them have or have not."""
    top, most = max(after.items(), key=lambda item: (item[1], item[0]), default=("", 0))
    if most < (1 - FEW_ALIEN) * sum(after.values()) or fold_unit(top) in _MINUTES:
        return set()
    letters = {a for a in after if len(a) == 1 and a.isalpha()}
    coded = len(letters) > 1 and not top and any(convert(a, top) is None for a in letters)
    return {a for a in after if a != top and convert(a, top) is not None and not (coded and a in letters)}


def _find_currencies(writing: Writing, read: dict[str, Number]) -> set[str]:
    """Choose what follows few numbers, and is the currency that stands before most of them."""
    ranked = writing.rank(lambda v: read[v].before, list(read))
    usual = UNITS.get(ranked[0][0].casefold()) if ranked else None
    return {n.after for n in read.values() if usual is not None and UNITS.get(n.after.strip().casefold()) == usual}


def _measures_one(after: Counter[str], usual: set[str]) -> bool:
    """Say whether the numbers measure one thing: most have the same unit or none; else they are texts such as addresses."""
    kinds = Counter[str]()
    for unit, rows in after.items():
        if not unit or unit in usual:
            kinds[fold_unit(unit)] += rows
    bare = kinds.pop("", 0)
    return len(kinds) <= MOST_UNITS and bare + max(kinds.values(), default=0) >= TYPED * sum(after.values())


def _choose_currency(state: Numbers) -> str:
    """Choose what stands before most numbers, empty where nothing does."""
    before, rows = state.writing.rank(lambda v: state.read[v].before, list(state.read))[0]
    return before if rows > MAJORITY * state.writing.share(list(state.read)) * state.writing.total else ""


def _choose_mark(state: Numbers) -> str:
    """Choose the mark of thousands that most long numbers have, empty where they have none."""
    long = [v for v, n in state.read.items() if n.is_long and not (state.commas and state.is_ambiguous(v))]
    mark, rows = next(iter(state.writing.rank(lambda v: state.read[v].mark, long)), ("", 0))
    return mark if rows > MAJORITY * state.writing.share(long) * state.writing.total else ""


def _judge_currency(state: Numbers) -> None:
    values = list(state.read)
    ranked = state.writing.rank(lambda v: state.read[v].before, values)
    total = sum(rows for _, rows in ranked)
    shares = {before: rows / total for before, rows in ranked}
    if len(ranked) == 1 or ranked[0][1] <= MAJORITY * total:
        return
    for value in values:
        before = state.read[value].before
        if before == state.before or "(" in before + state.before:
            continue
        if before and state.before and UNITS.get(before.casefold()) != UNITS.get(state.before.casefold(), before):
            continue  # another currency is another value
        usual = f"begin with {state.before!r}" if state.before else "have no currency before them"
        reason = f"{show_share(ranked[0][1] / total)} of the numbers of {state.writing.name!r} {usual}, and {value!r} is written otherwise."
        state.add(value, doubt_of(shares[before]), reason, state.rewrite(value), 0.9)


def _judge_marks(state: Numbers) -> None:
    """Judge marks of thousands and decimal commas: of numbers long enough for a mark those written as fewer are.

    Short numbers have no marks in any column, so where all long ones have them it is one way of writing. It still makes
    two kinds of cells of the numbers, those that programs read and those that they do not: they sort and add up wrongly.
    That is said with little doubt, and not where it is the table's habit: where other columns have marks, too, or the
    numbers have currencies or units, which no program reads anyhow. Where decimal commas are usual, "1,234" is a number
    below two.
    """
    rows = state.writing.rows
    comma = [v for v, n in state.read.items() if n.mark == "decimal comma"]
    point = [v for v, n in state.read.items() if n.mark != "decimal comma" and "." in n.plain]
    few = sum(rows[v] for v in comma) < sum(rows[v] for v in point)
    long = {v: n for v, n in state.read.items() if n.is_long and n.mark != "decimal comma"}
    if state.commas and not few:
        long = {v: n for v, n in long.items() if not state.is_ambiguous(v)}
    plain, marked = [v for v, n in long.items() if not n.mark], [v for v, n in long.items() if n.mark]
    share = sum(rows[v] for v in plain) / (sum(rows[v] for v in long) or 1)
    if marked and plain and share < MAJORITY:
        for value in plain:
            reason = f"{show_share(1 - share)} of the long numbers of {state.writing.name!r} have marks of thousands, and {value!r} has none."
            state.add(value, doubt_of(share), reason, state.rewrite(value) if state.mark == "," else None, 0.9)
    elif marked and plain:
        for value in marked:
            reason = f"The mark of thousands keeps {value!r} from being read as a number, as others of {state.writing.name!r} are."
            state.add(value, doubt_of(1 - share), reason, state.rewrite(value), CONFIDENT if share > MAJORITY else 0.9)
    bare = [v for v, n in state.read.items() if not (n.is_long or n.mark or n.before or n.after or "." in n.plain)]
    mixed = marked and not plain and not state.commas and not state.writing.marked
    if mixed and state.writing.share(bare) >= FEW_SHORT:
        unmarked = replace(state, mark="")
        for value in marked:
            reason = f"The mark of thousands keeps {value!r} from being read as a number; the short numbers of {state.writing.name!r} are."
            state.add(value, _BROKEN, reason, unmarked.rewrite(value), _BROKEN_SURE)
    if comma and few:
        part = sum(rows[v] for v in comma) / sum(rows[v] for v in [*comma, *point])
        for value in comma:
            reason = f"{value!r} has a comma where the other numbers of {state.writing.name!r} have a point."
            state.add(value, doubt_of(part), reason, state.rewrite(value), 0.9)


def _judge_digits(state: Numbers) -> None:
    """Find numbers with digits that no one wrote, and whole ones with a fraction of zero among whole ones without."""
    noisy = [v for v, n in state.read.items() if NOISE.match(n.plain)]
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
            suggested = f"{state.before}{state.read[value].plain.partition('.')[0]}{state.unit}"
            state.add(value, doubt_of(share), reason, None if value in state.strange else suggested, CONFIDENT)


def _judge_zeros(state: Numbers) -> None:
    """Find numbers with leading zeros among numbers, and codes of digits that lost theirs."""
    whole = {v: n.plain for v, n in state.read.items() if n.plain.isdigit() and not n.mark}
    zeros = [v for v, p in whole.items() if len(p) > 1 and p[0] == "0"]
    if not zeros:
        return
    lengths = state.writing.rank(lambda v: str(len(whole[v])), list(whole))
    usual, total = int(lengths[0][0]), sum(rows for _, rows in lengths)
    full = [v for v in zeros if len(whole[v]) == usual]
    # Of codes one in ten begins with a zero, and not all of them lose it: one "012" makes no codes of numbers.
    codes = _ZEROS_KEPT * sum(len(p) == usual for p in whole.values())
    kept = len(full) >= max(codes, RECURRING, sum(len(p) < usual for p in whole.values()))
    if lengths[0][1] > (1 - FEW_ALIEN) * total and kept and usual > 2:  # noqa: PLR2004 (days and months are no codes)
        for value, plain in whole.items():
            if len(plain) < usual:
                share = dict(lengths)[str(len(plain))] / total
                reason = f"{value!r} seems to have lost its leading zeros: {show_share(lengths[0][1] / total)} of {state.writing.name!r} have {usual} digits."
                state.add(value, doubt_of(share), reason, value.replace(plain, plain.zfill(usual)), 0.96)
    elif state.writing.share(zeros) < FEW_ALIEN / 4 and not full:
        doubt = doubt_of(state.writing.share(zeros))
        for value in zeros:
            reason = f"{value!r} has leading zeros, and the other numbers of {state.writing.name!r} have none."
            state.add(value, doubt, reason, str(int(whole[value])), 0.7)


def _judge_spans(state: Numbers, spans: dict[str, float]) -> None:
    """Find durations in hours and minutes among those in minutes; where only the long ones are, that is one way of writing."""
    share = state.writing.share(list(spans))
    if fold_unit(state.unit) not in _MINUTES or not spans or share > MAJORITY:
        return
    if min(spans.values()) >= _HOUR and all(abs(n.value) < _HOUR for n in state.read.values()):
        return
    for value, minutes in spans.items():
        reason = f"{value!r} is a duration that the other values of {state.writing.name!r} write in{state.unit}."
        state.add(value, doubt_of(share), reason, f"{minutes:g}{state.unit}", 0.9)


def _judge_lengths(state: Numbers) -> None:
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
    if _runs_on(state, whole, usual):
        return
    for value, plain in whole.items():
        # Next to the others it is a number like them; so far away it is another kind.
        if len(plain) != usual and not low / APART <= float(plain) <= high * APART:
            reason = f"{value!r} has {len(plain)} digits, and {show_share(lengths[0][1] / state.writing.total)} of {state.writing.name!r} have {usual}."
            state.add(value, doubt_of(dict(lengths)[str(len(plain))] / state.writing.total) - 0.1, reason, None, 0.0)


def _runs_on(state: Numbers, whole: dict[str, str], digits: int) -> bool:
    """Say whether the numbers with as many digits go on beyond: as frequent just outside as just inside, they have no length."""
    sizes = {v: float(p) for v, p in whole.items()}
    for edge in (10.0 ** (digits - 1), 10.0**digits):
        below = sum(state.writing.rows[v] for v, n in sizes.items() if edge / 2 <= n < edge)
        above = sum(state.writing.rows[v] for v, n in sizes.items() if edge <= n < 2 * edge)
        inside, outside = (2 * below, above) if edge > 10.0 ** (digits - 1) else (above, 2 * below)
        if min(inside, outside) >= RECURRING and APART * outside >= inside:
            return True
    return False


def _judge_aliens(state: Numbers, read: dict[str, Number]) -> None:
    """Find what is no number, where few values are not."""
    writing = state.writing
    aliens = [v for v in writing.rows if v not in state.read and v not in state.found]
    bounds = [v for v in aliens if _BOUNDED.match(v) and read_number(_BOUNDED.sub("", v)) is not None]
    exact = writing.rank(writing.shapes.__getitem__, list(state.read))
    strict = exact[0][1] >= STRICT * sum(rows for _, rows in exact)
    longer = find_longer([exact[0], *writing.rank(writing.shapes.__getitem__, aliens)], writing.total)
    meant = {v for v in aliens if strict and writing.shapes[v] in longer}
    meant |= set(bounds) if writing.share(bounds) >= OWN_WAY else set()  # "<0.5" says as much as was measured
    aliens = [v for v in aliens if v not in meant]
    share = writing.share(aliens)
    if not aliens or share > FEW_ALIEN:
        return
    shapes, values = Counter[str](), Counter[str]()
    for value in aliens:
        shapes[write_shape(value, 2)] += writing.rows[value]
        values[write_shape(value, 2)] += 1
    usual = {write_shape(v, 2) for v in state.read}
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


def _mend(state: Numbers, number: Number | None) -> tuple[str | None, float]:
    """Suggest a number for what is none, where its unit is misspelt."""
    if number is None or not state.unit or (is_unit(number.after) and fold_unit(number.after) != fold_unit(state.unit)):
        return None, float("nan")
    after, unit = number.after, state.unit
    edits = distance(after, unit, 1 + len(unit) // 3)
    if edits > 1 + len(unit) // 3:
        return None, float("nan")
    # A letter more may stand for a digit that was lost; a letter for a letter may not.
    return f"{number.plain}{unit}", CONFIDENT if len(after) == len(unit) and len(unit) > 3 else 0.6  # noqa: PLR2004 (a unit of few letters may be another)
