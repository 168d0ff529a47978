"""Units of measure: one name for the spellings of each, and the factor from one to another of the same dimension."""

from __future__ import annotations

_SAME = (
    "oz ounce ounces",
    "lb lbs pound pounds",
    "in inch inches",
    "ft foot feet",
    "mi mile miles",
    "m meter meters metre metres",
    "cm centimeter centimeters centimetre centimetres",
    "mm millimeter millimeters millimetre millimetres",
    "km kilometer kilometers kilometre kilometres",
    "g gr gram grams",
    "kg kgs kilogram kilograms kilo kilos",
    "mg milligram milligrams",
    "ml milliliter milliliters millilitre millilitres",
    "cl centiliter centiliters centilitre centilitres",
    "l liter liters litre litres",
    "gal gallon gallons",
    "% percent pct",
    "ms millisecond milliseconds",
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
UNITS = {word: line.split()[0] for line in reversed(_SAME) for word in line.split()}
# Of each dimension the units as multiples of the first one.
_SIZES = (
    {"g": 1.0, "mg": 0.001, "kg": 1000.0, "oz": 28.349523125, "lb": 453.59237},
    {"m": 1.0, "mm": 0.001, "cm": 0.01, "km": 1000.0, "in": 0.0254, "ft": 0.3048, "mi": 1609.344},
    {"s": 1.0, "ms": 0.001, "min": 60.0, "h": 3600.0, "d": 86_400.0, "wk": 604_800.0},
    {"l": 1.0, "ml": 0.001, "cl": 0.01},
)
# What multiplies a number without a unit.
_TIMES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "mn": 1e6,
    "mio": 1e6,
    "million": 1e6,
    "bn": 1e9,
    "billion": 1e9,
    "%": 0.01,
}


def fold_unit(after: str) -> str:
    """Name a unit whatever its spelling: its first word, without dots and case.

    Examples
    --------
    >>> fold_unit(" Lbs."), fold_unit("oz. Alumi-Tek"), fold_unit("")
    ('lb', 'oz', '')
    """
    words = after.strip().casefold().replace(".", " ").split()
    return UNITS.get(words[0], words[0]) if words else ""


def is_unit(after: str) -> bool:
    """Say whether a text after a number begins with a known unit.

    Examples
    --------
    >>> is_unit(" lbs"), is_unit(" xz")
    (True, False)
    """
    return fold_unit(after) in UNITS.values()


def convert(unit: str, other: str) -> float | None:
    """Return by what a number in one unit is multiplied to be one in another; None where nothing is known.

    No unit is one of its own: numbers that stand alone are multiples of "k", and a hundredth of them is one percent.

    Examples
    --------
    >>> convert("m", "cm"), convert("k", ""), convert("", "%"), convert("kg", "cm")
    (100.0, 1000.0, 100.0, None)
    """
    one, two = fold_unit(unit), fold_unit(other)
    if one == two:
        return 1.0
    if not two:
        return _TIMES.get(one)
    if not one:
        return 100.0 if two == "%" else None
    sizes = next((s for s in _SIZES if one in s and two in s), None)
    return None if sizes is None else float(f"{sizes[one] / sizes[two]:.12g}")
