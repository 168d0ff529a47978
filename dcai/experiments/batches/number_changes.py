"""Whether numbers are the same as before in another unit."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from dcai.experiments.batches.divergences import Floats

SAMPLE = 5_000
MUCH_CLOSER = 0.25  # the distance that is left by a conversion, as a part of that without it
CLOSE = 0.12  # and the most that may be left
LUCK = 2.0  # a distance that two samples of one source hardly ever are apart, in its standard size
# What a number is multiplied by, and where that comes from; the commonest first. The other way is tried too.
FACTORS = {
    1000.0: "another prefix of the unit, or a decimal point taken for a separator of thousands",
    100.0: "per cent, cents or centimetres",
    10.0: "a decimal place",
    1e6: "another prefix of the unit",
    60.0: "hours to minutes, or minutes to seconds",
    3600.0: "hours to seconds",
    24.0: "days to hours",
    2.54: "inches to centimetres",
    0.3048: "feet to metres",
    1.609344: "miles to kilometres",
    2.20462262: "kilograms to pounds",
    12.0: "years to months, or dozens",
    7.0: "weeks to days",
    1024.0: "another prefix of bytes",
    28.3495231: "ounces to grams",
    3.78541178: "gallons to litres",
}


class Conversion(NamedTuple):
    """What current numbers seem to be, and how they become those of before: times a factor, after an offset is taken off."""

    said: str
    factor: float
    offset: float = 0.0

    def undo(self, values: Floats) -> Floats:
        """Return the numbers as they were before."""
        return (values - self.offset) * self.factor


def find_conversion(before: Floats, now: Floats) -> Conversion | None:
    """Say by which conversion the current numbers become those of before; None where no known one does.

    Examples
    --------
    >>> find_conversion(np.arange(100.0) + 5, 1000 * np.arange(100.0) + 5000).factor
    0.001
    """
    from scipy import stats

    one, other = (its[np.linspace(0, len(its) - 1, min(len(its), SAMPLE)).astype(np.intp)] for its in (before, now))

    def measure(values: Floats) -> float:
        return float(stats.ks_2samp(one, values, method="asymp").statistic)

    tried = [(measure(conversion.undo(other)), conversion) for conversion in _list_conversions()]
    best = min(distance for distance, _ in tried)
    if best > min(CLOSE, MUCH_CLOSER * measure(other)):
        return None
    # Of several that chance does not tell apart the first: they stand in the order of how common they are.
    luck = LUCK * float(np.sqrt(1 / len(one) + 1 / len(other)))
    return next(conversion for distance, conversion in tried if distance <= max(best, luck))


def _list_conversions() -> list[Conversion]:
    found = []
    for factor, said in FACTORS.items():
        found.append(Conversion(f"{_write(factor)} times what it was ({said})", 1 / factor))
        found.append(Conversion(f"a part of what it was: 1/{_write(factor)} ({said}, the other way)", factor))
    found.append(Conversion("what it was with the sign turned", -1.0))
    found.append(Conversion("degrees Fahrenheit instead of Celsius", 1 / 1.8, 32.0))
    found.append(Conversion("degrees Celsius instead of Fahrenheit", 1.8, -32 / 1.8))
    return found


def _write(factor: float) -> str:
    return f"{factor:,.0f}" if factor == int(factor) else f"{factor:.4g}"
