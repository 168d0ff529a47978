"""Placeholders: the words, numbers and dates that stand for "nothing", and when a cell with one, or an empty one, tells."""

from __future__ import annotations

# Words that people write for "nothing" whatever the column; then those that may also be a value of its own.
_SIGNS = "? ?? ??? - -- --- . .. ... _ * \N{EN DASH} \N{EM DASH} #value! #ref! #div/0!"
_WORDS = "n/a,n.a.,n.a,#n/a,#na,<na>,nan,-nan,null,(null),nil,(blank),[blank],missing,tbd,tba,undefined"
_PHRASES = (
    "not available,not applicable,not known,not provided,not specified,not stated,not reported,not recorded,not given,"
    "no data,no value,no answer,no response,no reply,none given,none provided,prefer not to say,prefer not to answer,"
    "declined to answer,don't know,dont know,do not know,k.a.,k. a.,keine angabe,nicht bekannt,nicht angegeben,"
    "weiß nicht,non connu,non renseigné,non précisé,ne sait pas,sin dato,sin datos,no disponible,no especificado,"
    "no sabe,non disponibile,non specificato,não informado,não disponível,geen antwoord,niet bekend,brak danych"
)
CLEAR = frozenset([*_SIGNS.split(), *_WORDS.split(","), *_PHRASES.split(",")])
_VAGUE = "na,none,unknown,unk,unspecified,undisclosed,refused,declined,x,xx,xxx,void,dummy"
_ELSEWHERE = "unbekannt,inconnu,inconnue,desconocido,desconocida,desconhecido,sconosciuto,onbekend,okänd,nieznany"
VAGUE = frozenset([*_VAGUE.split(","), *_ELSEWHERE.split(",")])
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
COMPLETE_SHARE = 0.995  # a column with at least this share of values expects one in every row
FEWEST_ROWS = 20


def is_stand_in(text: str) -> bool:
    """Say whether a text is empty or stands for an empty cell."""
    word = text.strip().casefold()
    return not word or word in CLEAR or word in VAGUE


def judge_plain(name: str, share: float) -> tuple[float, str]:
    """Doubt an empty cell of a column of which such a share, almost all, has values; also say why."""
    reason = f"It is empty, but {name!r} has a value in {100 * share:.1f} % of the rows."
    return 0.45 + 0.2 * (share - COMPLETE_SHARE) / (1 - COMPLETE_SHARE), reason


def judge_sentinel(name: str, sentinel: float, ends: tuple[float, float], times: int) -> tuple[float, str]:
    """Doubt a number that stands apart from all others of its column, which end there; also say why."""
    return 0.85 if times > 1 else 0.65, (
        f"{sentinel:g} stands apart from all other values of {name!r} ({ends[0]:g} to {ends[1]:g}) "
        f"and occurs {'once' if times == 1 else f'{times:,} times'}: it seems to stand for an empty cell."
    )


def stands_apart(sentinel: float, ends: tuple[float, float], count: int) -> bool:
    """Say whether a number that occurs so often lies apart from all others, which end there."""
    low, high = ends
    if sentinel < 0:
        # -1 below a column of distances is one; -1 below one that starts at -0.9 is a value.
        return low >= 0 and (low > 0 or count > 1 or abs(sentinel) > high)
    spread = max(high - low, 1e-9)
    return sentinel > high + spread if count == 1 else sentinel > high + 0.5 * spread
