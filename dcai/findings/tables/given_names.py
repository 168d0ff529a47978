"""Given names that are frequent in many languages: by them a column called "name" is told from one of goods or places."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAMES = """
aaron adam adrian ahmed aisha alan albert alejandro alessandro alex alexander alice amanda amelia amina amy ana anastasia andrea andreas
andrew angela anita anja anna anne antonio aleksandra barbara beatriz benjamin bernd birgit bruno camille carla carlos carmen
caroline catherine charles christian christina christine christopher claire claudia daniel daniela david deborah dennis diana diego
dmitri dominik donald dorothy edward eduardo elena elizabeth emily emma eric erik ernesto eva fatima felix fernando francesca francisco
franz frank gabriel george giovanni giulia giuseppe grace gregory hannah hans heather heinrich helen henry hiroshi hugo ibrahim igor
ingrid irina isabel isabella ivan jack jacob james jan jane janet jason javier jean jennifer jessica joan johan johann john jonas jonathan
jorge jose joseph joshua joyce juan judith julia julian julie jürgen karen karin karl katarzyna katherine kathleen kenneth kevin klaus
krzysztof lars laura lauren leon linda lisa louis louise lucas lucia luis luisa maciej magdalena manuel marco marcos margaret maria marie
mario mark markus marta martin mary mateusz matthew max mehmet melissa michael michel miguel mohamed mohammed monica monika muhammad
nancy natalia natasha nicholas nicolas nicole nina noah olga olivia omar oscar pablo patricia patrick paul paula pedro peter petra philip
philippe piotr priya rachel rafael raj ralf raymond rebecca ricardo richard robert roberto roger ronald rosa ruth ryan samuel sandra
sara sarah scott sebastian sergei sergio sharon simon sofia sophie stefan stephanie stephen steven susan susanne svetlana tatiana teresa
thomas tim timothy tomasz ulrike ursula valentina vera veronica victor vladimir walter wang wei wilhelm william wolfgang yusuf yuki
"""
GIVEN_NAMES = frozenset(_NAMES.split())
_FIRM = re.compile(
    r"\b(?:ltd|llc|inc|gmbh|corp|co|ag|sa|sarl|plc|kg|university|hospital|school|church|street|st|restaurant|hotel|bar|island|county)\b",
    re.IGNORECASE,
)


def count_given_names(texts: Iterable[str]) -> int:
    """Count the texts that hold a frequent given name beside another word, and no word that makes them a firm or a place.

    Examples
    --------
    >>> count_given_names(["Maria Lopez", "Smith, John", "Green Tea", "Martin Ltd", "San Jose Street", "Paris"])
    2
    """
    found = 0
    for text in texts:
        words = [w.casefold() for w in re.findall(r"[^\W\d_]+", text)]
        found += len(words) > 1 and not GIVEN_NAMES.isdisjoint(words) and _FIRM.search(text) is None
    return found
