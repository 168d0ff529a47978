"""Placeholders: the words, numbers and dates that stand for "nothing", and when a cell with one, or an empty one, tells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

# Words that people write for "nothing" whatever the column, and of these the ones of a language: among few categories
# they may be one of them (found or missing). Then those that are as often a value of its own.
_SIGNS = "? ?? ??? - -- --- . .. ... _ * \N{EN DASH} \N{EM DASH} #value! #ref! #div/0!"
_WORDS = "n/a,n.a.,n.a,n.d.,n.r.,#n/a,#na,<na>,nan,-nan,(null),(blank),[blank]"
_PHRASES = (
    "null,nil,missing,tbd,tba,undefined,"
    "not available,not applicable,not known,not provided,not specified,not stated,not reported,not recorded,not given,"
    "no data,no value,no answer,no response,no reply,none given,none provided,prefer not to say,prefer not to answer,"
    "declined to answer,don't know,dont know,do not know,k.a.,k. a.,keine angabe,nicht bekannt,nicht angegeben,"
    "weiß nicht,non connu,non renseigné,non précisé,ne sait pas,sin dato,sin datos,no disponible,no especificado,"
    "no sabe,non disponibile,non specificato,não informado,não disponível,geen antwoord,niet bekend,brak danych"
)
ANSWERS = frozenset(_PHRASES.split(","))
CLEAR = ANSWERS | {*_SIGNS.split(), *_WORDS.split(",")}
_VAGUE = "na,nd,nr,none,unknown,unk,unspecified,undisclosed,refused,declined,x,xx,xxx,void,dummy"
# What may be said of the thing itself, as of a glass: where it is all that a column says, it is its way of saying it.
HABITS = frozenset(
    ["empty", "blank", "leer", "vide", "vacío", "vacía", "vuoto", "vuota", "vazio", "vazia", "leeg", "puste"]
)
_ELSEWHERE = "unbekannt,inconnu,inconnue,desconocido,desconocida,desconhecido,sconosciuto,onbekend,okänd,nieznany"
VAGUE = frozenset([*_VAGUE.split(","), *_ELSEWHERE.split(","), *HABITS])
SENTINELS = (
    -1.0,
    -9.0,
    -99.0,
    -999.0,
    -9999.0,
    -99999.0,
    99.0,
    999.0,
    9999.0,
    99999.0,
    999999.0,
    9999999.0,
    -32768.0,
    1e20,
)
ZERO_DATES = (
    "1900-01-01",
    "1899-12-30",
    "1970-01-01",
    "1601-01-01",
    "0001-01-01",
    "9999-12-31",
    "1753-01-01",
    "2099-12-31",
)
LONGEST_CODE = 3
COMPLETE_SHARE = 0.995  # a column with at least this share of values expects one in every row
FEWEST_ROWS = 20
FEW_VALUES = 20  # fewer different numbers may be codes: -1, 0 and 1
STEPS = 5  # times as far from all others as they are from each other is apart from codes


def is_stand_in(text: str) -> bool:
    """Say whether a text is empty or stands for an empty cell."""
    word = text.strip().casefold()
    return not word or word in CLEAR or word in VAGUE


def says_nothing(text: str) -> bool:
    """Say whether a text stands for an empty cell whatever stands beside it; a short vague one may be a code.

    Examples
    --------
    >>> [says_nothing(text) for text in ("N/A", "unknown", "ND", "Bonn")]
    [True, True, False, False]
    """
    word = text.strip().casefold()
    return word in CLEAR or (word in VAGUE and len(word) > LONGEST_CODE)


def judge_plain(name: str, share: float) -> tuple[float, str]:
    """Doubt an empty cell of a column of which such a share, almost all, has values; also say why."""
    reason = f"It is empty, but {name!r} has a value in {100 * share:.1f} % of the rows."
    return 0.45 + 0.2 * (share - COMPLETE_SHARE) / (1 - COMPLETE_SHARE), reason


def judge_sentinel(name: str, sentinel: float, others: Others, times: int) -> tuple[float, str]:
    """Doubt a number that stands apart from all others of its column; also say why."""
    return 0.85 if times > 1 else 0.65, (
        f"{sentinel:g} stands apart from all other values of {name!r} ({others.low:g} to {others.high:g}) "
        f"and occurs {'once' if times == 1 else f'{times:,} times'}: it seems to stand for an empty cell."
    )


class Others(NamedTuple):
    """The numbers of a column beside those that may stand for nothing.

    Attributes
    ----------
    low, high : float
        Their ends.
    distinct : int
        How many different ones there are.
    step, widest : float
        The distance of neighbours, in the middle and at most.
    fades : bool
        Whether the lowest is far rarer than others are: the numbers thin out there and need not end.
    """

    low: float
    high: float
    distinct: int
    step: float
    widest: float
    fades: bool


def describe_others(numbers: npt.NDArray[np.float64]) -> Others:
    """Describe the numbers of a column beside those that may stand for nothing.

    Examples
    --------
    >>> describe_others(np.array([1.0, 1.0, 2.0, 4.0, 4.0]))
    Others(low=1.0, high=4.0, distinct=3, step=1.5, widest=2.0, fades=False)
    """
    values, rows = np.unique(numbers, return_counts=True)
    if not len(values):
        return Others(np.nan, np.nan, 0, 0.0, 0.0, fades=False)
    steps = np.diff(values) if len(values) > 1 else np.zeros(1)
    fades = bool(2 * rows[0] < np.median(rows))
    return Others(float(values[0]), float(values[-1]), len(values), float(np.median(steps)), float(steps.max()), fades)


def stands_apart(sentinel: float, others: Others, count: int) -> bool:
    """Say whether a number that occurs so often lies apart from all others: a stand-in, and neither code nor end of a range.

    Examples
    --------
    >>> ages = describe_others(np.arange(0.0, 90.0))
    >>> stands_apart(-1, ages, 5), stands_apart(-1, describe_others(np.array([0.0, 1.0])), 5)
    (True, False)
    """
    low, high = others.low, others.high
    gap = max(low - sentinel, sentinel - high)
    if others.distinct < FEW_VALUES:
        return others.distinct > 1 and gap > STEPS * others.widest
    if sentinel < 0 <= low:
        # -1 below a column of distances is one; where the others thin out towards it, it is the last of them.
        last = others.fades and gap <= others.step
        return (low > 0 or count > 1 or abs(sentinel) > high) and not last
    if sentinel == -1:
        return False  # beside other negative numbers it is one of them
    spread = max(high - low, 1e-9)
    return gap > spread if count == 1 else gap > 0.5 * spread
