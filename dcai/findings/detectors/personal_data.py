"""Columns that hold personal data: what people can be reached or recognised by. Values are only ever shown masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.findings.cache import CACHE, make_key
from dcai.findings.evidence import Evidence, Unmet
from dcai.findings.shape import Detector, make_findings
from dcai.findings.tables.given_names import count_given_names
from dcai.findings.tables.identifiers import IDENTIFIERS, Identifier, mask
from dcai.findings.wording import count, name_some, say_left_out

FILLED_SHARE = 0.8  # what has only a shape, or a check that one in some passes, must fill this much of a column
FEWEST = 3  # and be as many
RARE = 1e-5  # the chance that so many pass a check by accident
HIT_SHARE = 0.5  # of the candidates within texts that must pass their check
MOST_DISTINCT = 200_000  # values looked at in each column
LONGEST = 20_000  # characters looked at in each value
MOST_PEERS = 1_000
SURE, HINT = 0.9, 0.5
_LONGEST_HINT = 100
_LOOKED_FOR = (
    "e-mail and IP addresses, telephone numbers, IBANs, payment cards and personal numbers of DE, ES, FR, IT, NL, PL, BR and US; "
    "by column name and shape only, for names of people, postal addresses and dates of birth"
)


class Hint(NamedTuple):
    """A kind of personal data that only the name of the column and the shape of its values tell."""

    plural: str
    name: re.Pattern[str]
    shape: re.Pattern[str]
    distinct: int = 3


def _words(*names: str) -> re.Pattern[str]:
    return re.compile(rf"(?:^| )(?:{'|'.join(names)})(?: |$)")


_PERSON = r"[^\W\d_][\w'\u2019.-]*(?:,? [^\W\d_][\w'\u2019.-]*){0,4}"
_STREET = (
    r"street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|way|court|ct|highway|hwy|square|sq|place|pl|terrace"
)
_STRASSE = r"stra\u00dfe|strasse|str\.?|weg|platz|gasse|allee|ring|damm|ufer"
_ADDRESS = (
    rf"\d+[a-z]?,? (?:[\w.'-]+ ){{1,5}}(?:{_STREET})\b.*|[\w. -]+(?:{_STRASSE}) \d+ ?[a-z]?\b.*|"
    r"\d+,? (?:bis |ter )?(?:rue|avenue|boulevard|place|chemin) .+|(?:calle|via|viale|piazza|rua|avenida) .+\d+.*"
)
HINTS = (
    Hint(
        "names of people",
        _words(
            "(?:first|last|given|family|full|middle|maiden|sur|fore|f|l) ?name",
            "surname|vorname|nachname|familienname|rufname|geburtsname|pr[e\u00e9]noms?|nom de famille|apellidos?|primer nombre",
            "cognome|sobrenome|voornaam|achternaam|imi[e\u0119]|nazwisko|f[o\u00f6]rnamn|efternamn|fornavn|etternavn|efternavn",
            "etunimi|sukunimi|jm[e\u00e9]no|p[r\u0159][i\u00ed]jmen[i\u00ed]|imya|familiya",
            "(?:patient|customer|employee|person|contact|client|student|user|member|owner|holder|guest) ?(?:full )?name",
        ),
        re.compile(_PERSON),
    ),
    Hint(
        "telephone numbers",
        _words("(?:(?:tele|cell ?)?phone|mobile|fax)(?: ?(?:number|no|nr))?", "tel", "telefon", "handy"),
        re.compile(r"\+?[\d ()./-]{7,20}"),
    ),
    Hint(
        "postal addresses",
        _words("(?:(?:street|home|postal|mailing) ?)?address ?1?", "street|anschrift|adresse", "stra(?:ss|\u00df)e"),
        re.compile(r".*\d.*[^\W\d_]{3}.*|.*[^\W\d_]{3}.*\d.*"),
    ),
    Hint(
        "dates of birth",
        _words("dob", "(?:date of )?birth ?(?:date|day)?", "geburts(?:datum|tag)"),
        re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*"),
    ),
    Hint(
        "social security numbers",
        _words("ssn", "social ?security ?(?:number|no)?"),
        re.compile(r"\d{3}[- ]?\d{2}[- ]?\d{4}"),
    ),
    Hint("passport numbers", _words("passport ?(?:number|no)?"), re.compile(r"[A-Z0-9]{6,10}")),
)
# Names of things are called so, too: here some values must hold a name that people are given.
BARE_NAMES = Hint(
    "names of people",
    re.compile(r"(?:names?|person|people|nom|nombre|nome|naam|navn|namn|nimi|nazwa|n\u00e1zev|isim)"),
    re.compile(_PERSON),
    distinct=10,
)
GIVEN_SHARE = 0.15  # of the values that must hold a frequent given name
ADDRESSES = Hint("postal addresses", re.compile(""), re.compile(_ADDRESS, re.IGNORECASE), distinct=10)


def find(evidence: Evidence) -> pd.DataFrame:
    """Find the columns that hold personal data; all columns are looked at, also label and key."""
    found: list[tuple[str, str, float, list[int]]] = []
    left: dict[str, list[str]] = {}
    looked, cut = 0, []
    for name in evidence.table.frame.columns:
        kind = evidence.table.kinds[name]
        if kind in ("image", "other", "boolean", "empty"):
            left.setdefault(f"its kind is {kind}", []).append(name)
            continue
        looked += 1
        column = evidence.table.frame[name]
        key = make_key(evidence.table.frame, [name], "personal_data")
        hits, whole = CACHE.get(key, partial(_search, name, column))
        found += [(name, *hit) for hit in hits]
        cut += [] if whole else [name]
    if not looked:
        raise Unmet("there is no column of texts, categories, numbers or dates")
    note = f"{count(looked, 'column')} searched for {_LOOKED_FOR}"
    if cut:
        note += f"; of {name_some(cut)} only {MOST_DISTINCT:,} different values were looked at, each up to {LONGEST:,} characters"
    return make_findings(
        [-1] * len(found),
        [f[2] for f in found],
        [f[1] for f in found],
        column=[f[0] for f in found],
        peers=[f[3] for f in found],
        note="; ".join([note, *say_left_out("personal data", left)]),
    )


def _search(name: str, column: pd.Series[Any]) -> tuple[list[tuple[str, float, list[int]]], bool]:
    """Return the kinds found in a column, and whether all of it was looked at."""
    codes, distinct = pd.factorize(column)
    some = np.arange(len(distinct))
    if len(some) > MOST_DISTINCT:
        some = np.linspace(0, len(distinct) - 1, MOST_DISTINCT).astype(np.intp)
    if pd.api.types.is_float_dtype(column.dtype):
        some = _keep_whole(some, np.asarray(distinct, dtype=np.float64))
    cells = np.asarray(distinct[some], dtype=object).tolist() if len(some) else []
    written = {int(i): text for i, cell in zip(some, cells, strict=True) if (text := _write(cell))}
    whole = len(distinct) <= MOST_DISTINCT and all(len(text) <= LONGEST for text in written.values())
    texts = {place: text[:LONGEST] for place, text in written.items()}
    if not texts:
        return [], whole
    found = {}
    for kind in IDENTIFIERS:
        hits = _identify(kind, texts)
        if hits and kind.plural not in found:
            found[kind.plural] = _report(name, kind.plural, hits, codes, texts, SURE)
    if not found:
        found = {h.plural: _report(name, h.plural, hits, codes, texts, HINT) for h, hits in _guess(name, texts)}
    return list(found.values()), whole


def _keep_whole(places: npt.NDArray[np.intp], numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.intp]:
    """Keep the places of whole numbers: of others nothing is written."""
    values = numbers[places]
    return np.asarray(places[values == np.round(values)])


def _write(value: object) -> str:
    """Write a cell as it would be typed; numbers with decimals are nobody's."""
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return f"{number:.0f}" if number.is_integer() and abs(number) < 1e15 else ""  # noqa: PLR2004 (exact so far)
    return str(value).strip()


def _identify(kind: Identifier, texts: dict[int, str]) -> dict[int, str]:
    """Find values that are, or hold, one of a kind; none where that may be an accident."""
    if kind.alone:
        candidates = _fill(lambda text: kind.pattern.fullmatch(text) is not None, texts)
    else:
        signed = (
            texts.items() if not kind.sign else [(place, text) for place, text in texts.items() if kind.sign in text]
        )
        candidates = {place: its[0] for place, text in signed if (its := kind.pattern.search(text)) is not None}
    if not candidates:
        return {}
    hits = {place: text for place, text in candidates.items() if kind.check(text)}
    share = FILLED_SHARE if kind.alone else HIT_SHARE
    if len(hits) < share * len(candidates) or (kind.alone and len(hits) < FEWEST):
        return {}
    if kind.chance > 0 and not _is_no_accident(len(hits), len(candidates), kind.chance):
        return {}
    return hits


def _fill(is_one: Callable[[str], bool], texts: dict[int, str]) -> dict[int, str]:
    """Find the values that are of a kind; none where too few are, which the first values mostly tell."""
    candidates: dict[int, str] = {}
    spare = (1 - FILLED_SHARE) * len(texts) + 1  # rounding must not stop what the count below lets pass
    for place, text in texts.items():
        if is_one(text):
            candidates[place] = text
        else:
            spare -= 1
            if spare < 0:
                return {}
    return candidates if len(candidates) >= FILLED_SHARE * len(texts) else {}


def _is_no_accident(hits: int, candidates: int, chance: float) -> bool:
    from scipy.stats import binom

    # A check that nearly everything passes says nothing: then the shape of a whole column has to do.
    return chance > HIT_SHARE or bool(binom.sf(hits - 1, candidates, chance) < RARE)


def _has_shape(hint: Hint, text: str) -> bool:
    return hint.shape.fullmatch(text[:_LONGEST_HINT]) is not None


def _guess(name: str, texts: dict[int, str]) -> Iterable[tuple[Hint, dict[int, str]]]:
    """Find what only the name of the column and the shape of most values tell."""
    split = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", " ", name).casefold().strip()
    for hint in (*HINTS, ADDRESSES):
        if hint.name.search(split) is None:
            continue
        hits = _fill(partial(_has_shape, hint), texts)
        if len(hits) >= max(hint.distinct, 1):
            yield hint, hits
            return
    if BARE_NAMES.name.fullmatch(split):
        hits = _fill(partial(_has_shape, BARE_NAMES), texts)
        named = count_given_names(hits.values())
        if len(hits) >= BARE_NAMES.distinct and named >= GIVEN_SHARE * len(texts):
            yield BARE_NAMES, hits


def _report(
    name: str, plural: str, hits: dict[int, str], codes: npt.NDArray[np.intp], texts: dict[int, str], doubt: float
) -> tuple[str, float, list[int]]:
    rows = np.flatnonzero(np.isin(codes, list(hits)))
    looked = int(np.isin(codes, list(texts)).sum())
    examples = sorted({mask(text) for text in hits.values()}, key=lambda t: (len(t), t))
    middle = len(examples) // 2  # neither the shortest nor the longest
    shown = name_some(examples[middle : middle + 2])
    verb = "holds" if doubt == SURE else "seems to hold"
    why = "" if doubt == SURE else ", judging by its name and the shape of its values"
    sentence = (
        f"{name!r} {verb} {plural}{why}: {len(rows):,} of {count(looked, 'filled cell')}, such as {shown} (masked)."
    )
    return sentence, doubt, [int(r) for r in rows[:MOST_PEERS]]


detector = Detector("personal_data", find)
