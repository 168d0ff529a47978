"""More made tables, of kinds that public benchmarks of dirty data have: what is wrong, and why, is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from tables import ADJECTIVES, CITIES, FIRST, LAST, NOUNS, STREETS, TOPICS, Draw, Made, _day, _pick, _some, slip

_LANDS = {
    "United States": ("USA", "North America"), "China": ("CHN", "East Asia"), "Germany": ("DEU", "Europe"),
    "India": ("IND", "South Asia"), "Russia": ("RUS", "Europe"), "Brazil": ("BRA", "Latin America"),
    "Canada": ("CAN", "North America"), "France": ("FRA", "Europe"), "Japan": ("JPN", "East Asia"),
}  # fmt: skip
_SCHOOLS = {
    "7th-8th": 2, "9th": 1.6, "10th": 2.8, "11th": 3.6, "HS-grad": 32, "Some-college": 22, "Assoc-voc": 4,
    "Assoc-acdm": 3.3, "Bachelors": 16, "Masters": 5, "Doctorate": 1.3,
}  # fmt: skip


def _name_places(random: Draw, ends: list[str], n: int) -> list[str]:
    return _some(lambda: f"{random.choice(ADJECTIVES)} {random.choice(NOUNS)} {random.choice(ends)}", n)


def make_census(random: Draw, n: int = 4000, harsh: float = 1.0) -> Made:
    """People of a census: a schooling and its number, and else categories that nothing settles."""
    schools, weight = list(_SCHOOLS), np.array(list(_SCHOOLS.values()))
    at = random.choice(len(schools), n, p=weight / weight.sum())
    work = ["Private", "Self-employed", "Local-gov", "State-gov", "Federal-gov"]
    trade = [
        "Prof-specialty",
        "Craft-repair",
        "Adm-clerical",
        "Sales",
        "Other-service",
        "Transport-moving",
        "Tech-support",
    ]
    frame = pd.DataFrame(
        {
            "age": [str(int(a)) for a in np.clip(random.gamma(8, 4.8, n), 17, 90)],
            "workclass": _pick(work, n, random, 1.5),
            "weight": [str(int(v)) for v in random.gamma(3.2, 59_000, n)],
            "education": [schools[i] for i in at],
            "education_num": [str(i + 4) for i in at],
            "marital": _pick(["Married", "Never-married", "Divorced", "Separated", "Widowed"], n, random, 1.2),
            "occupation": _pick(trade, n, random, 0.4),
            "sex": _pick(["Male", "Female"], n, random, 0.7),
            "gain": [
                str(int(v)) for v in np.where(random.random(n) < 0.92, 0, random.choice([3103, 5178, 7298, 7688], n))
            ],
            "hours": [
                str(int(v)) for v in np.clip(np.where(random.random(n) < 0.5, 40, random.normal(40, 13, n)), 1, 99)
            ],
            "country": _pick([*_LANDS], n, random, 2.5),
            "income": _pick(["<=50K", ">50K"], n, random, 1.6),
        }
    )
    made = Made(frame, random, harsh).slip(["workclass", "education", "occupation", "country"], 0.02)
    made.swap(["education"], 0.01).spoil("variant", "sex", 0.02, lambda v: v[0])
    made.spoil("variant", "marital", 0.01, str.lower).lose(["workclass", "occupation"], 0.02, ["?"])
    return made.spoil("outlier", "age", 0.004, lambda v: f"{v}0")


def make_players(random: Draw, n: int = 5000, harsh: float = 1.0) -> Made:
    """Players and their clubs by season: what belongs to the player, to the club, and to both season and club."""
    towns = _some(lambda: f"{random.choice(LAST)}{random.choice(['ville', 'burg', 'ton', 'field', 'stad'])}", 60)
    clubs = [f"{random.choice(['FC', 'AC', 'Real', 'Union'])} {town}" for town in towns]
    grounds = _some(lambda: f"{random.choice(NOUNS)} {random.choice(['Park', 'Arena', 'Stadium'])}", 45)
    lands = _pick(["Spain", "Italy", "England", "France", "Germany"], 60, random, 0.4)
    coach = [[f"{random.choice(FIRST)} {random.choice(LAST)}" for _ in range(8)] for _ in clubs]
    people = _some(
        lambda: f"{random.choice(FIRST)} {random.choice(LAST)}{random.choice(['', '', ' Jr', 'son'])}", n // 5
    )
    born = random.integers(1975, 2001, len(people))
    plays = random.choice(["Goalkeeper", "Defender", "Midfielder", "Forward"], len(people))
    at, club, season = random.integers(len(people), size=n), random.integers(60, size=n), random.integers(8, size=n)
    frame = pd.DataFrame(
        {
            "name": [people[i] for i in at],
            "born": [str(born[i]) for i in at],
            "position": [str(plays[i]) for i in at],
            "team": [clubs[i] for i in club],
            "city": [towns[i] for i in club],
            "stadium": [grounds[i % 45] for i in club],
            "country": [lands[i] for i in club],
            "season": [str(2010 + s) for s in season],
            "manager": [coach[c][s] for c, s in zip(club, season, strict=True)],
        }
    )
    made = Made(frame, random, harsh).slip(["name", "team", "city", "stadium", "manager"], 0.02)
    made.swap(["born", "position", "stadium", "country", "manager"], 0.02)
    return made.lose(["manager"], 0.02, ["", "unknown"])


def make_addresses(random: Draw, n: int = 10_000, harsh: float = 1.0) -> Made:
    """Addresses with what follows from place and name, and pay that goes through four and five digits."""
    towns, given = _pick(list(CITIES), n, random, 0.4), _pick(FIRST, n, random, 0.3)
    rates = {"MA": "5", "NY": "6.5", "IL": "4.95"}
    frame = pd.DataFrame(
        {
            "first_name": given,
            "last_name": _pick(LAST, n, random, 0.3),
            "gender": ["FM"[FIRST.index(name) % 2] for name in given],
            "street": [
                f"{random.integers(1, 9999)} {random.choice(STREETS)} {random.choice(['St', 'Ave'])}" for _ in given
            ],
            "city": towns,
            "state": [CITIES[t][0] for t in towns],
            "zip": [str(int(CITIES[t][2]) + int(random.integers(4))).zfill(5) for t in towns],
            "area_code": [CITIES[t][1] for t in towns],
            "phone": [f"{random.integers(200, 999)}-{random.integers(1000, 9999)}" for _ in given],
            "married": _pick(["N", "Y"], n, random, 0.3),
            "salary": [str(v * 500) for v in random.integers(5, 200, n)],
            "rate": [rates.get(CITIES[t][0], "3.5") for t in towns],
        }
    )
    made = (
        Made(frame, random, harsh).slip(["city", "first_name"], 0.01).swap(["state", "zip", "area_code", "rate"], 0.01)
    )
    made.spoil("format", "phone", 0.01, lambda v: v.replace("-", "")).spoil("variant", "gender", 0.01, str.lower)
    return made.spoil("format", "zip", 0.01, lambda v: f"{v}-0001").spoil("format", "rate", 0.01, lambda v: f"{v}%")


def make_inspections(random: Draw, n: int = 3000, harsh: float = 1.0) -> Made:
    """Inspections of kitchens: one town, a risk that follows from the kind, remarks of many words."""
    ends = ["CAFE", "GRILL", "PIZZA", "DELI", "BAR"]
    places = [v.upper() for v in _name_places(random, ends, n // 8)]
    street = [
        f"{random.integers(100, 9900)} {random.choice(STREETS)} {random.choice(['ST', 'AVE'])}".upper() for _ in places
    ]
    code = _some(lambda: str(random.integers(1_000_000, 2_999_999)), len(places))
    post = [f"606{random.integers(1, 60):02d}" for _ in places]
    risks = {"Restaurant": "High", "School": "High", "Bakery": "Medium", "Grocery Store": "Low", "Daycare": "Low"}
    kind = _pick(list(risks), len(places), random, 1.4)
    where = [f"{41.7 + random.random() * 0.3:.8f}" for _ in places]
    at = random.integers(len(places), size=n)

    def remark() -> str:
        return " | ".join(
            f"{random.integers(1, 60)}. {' '.join(random.choice(TOPICS, 6))}" for _ in range(random.integers(4))
        )

    frame = pd.DataFrame(
        {
            "license": [code[i] for i in at],
            "name": [places[i] for i in at],
            "facility": [kind[i] for i in at],
            "risk": [f"Risk ({risks[kind[i]]})" for i in at],
            "address": [street[i] for i in at],
            "city": "CHICAGO",
            "zip": [post[i] for i in at],
            "date": [_day(random, "2012-01-01", 2500).strftime("%m/%d/%Y") for _ in at],
            "result": _pick(["Pass", "Fail", "Pass w/ Conditions", "No Entry"], n, random, 1.2),
            "violations": [remark() for _ in at],
            "latitude": [where[i] for i in at],
        }
    )
    made = Made(frame, random, harsh).slip(["name", "facility", "address", "city"], 0.02)
    made.swap(["facility", "zip", "risk", "license"], 0.01).spoil("variant", "city", 0.02, str.capitalize)
    made.spoil("format", "date", 0.02, lambda v: f"{v[6:]}-{v[:2]}-{v[3:5]}")
    return made.lose(["zip", "facility", "latitude"], 0.02, [""])


def make_trials(random: Draw, n: int = 1500, harsh: float = 1.0) -> Made:
    """Visits of a clinical trial: what belongs to the person, to the site, and to the arm; two units of one value."""
    arms = {"A": "Placebo", "B": "Lisinol 10 mg", "C": "Lisinol 20 mg"}
    people, doctors = n // 6, [f"Dr. {random.choice(LAST)}" for _ in range(13)]
    arm, site = _pick(list(arms), people, random, 0), random.integers(1, 13, people)
    sex, blood = (
        _pick(["F", "M"], people, random, 0),
        _pick(["O+", "A+", "B+", "O-", "A-", "AB+", "AB-"], people, random),
    )
    born = [_day(random, "1940-01-01", 22_000).strftime("%d-%b-%Y").upper() for _ in range(people)]
    at = np.sort(random.integers(people, size=n))
    frame = pd.DataFrame(
        {
            "subject": [f"{site[i]:02d}-{1000 + i}" for i in at],
            "site": [f"{site[i]:02d}" for i in at],
            "investigator": [doctors[site[i]] for i in at],
            "arm": [arm[i] for i in at],
            "treatment": [arms[arm[i]] for i in at],
            "sex": [sex[i] for i in at],
            "birth": [born[i] for i in at],
            "blood": [blood[i] for i in at],
            "visit": _pick(["Screening", "Week 4", "Week 8", "Week 12", "Follow-up"], n, random, 0.2),
            "date": [_day(random).strftime("%d-%b-%Y").upper() for _ in at],
            "systolic": [str(int(v)) for v in random.normal(131, 14, n)],
            "temperature": [f"{v:.1f}" for v in random.normal(36.8, 0.4, n)],
            "glucose": [f"{v:.1f} mg/dL" for v in random.gamma(20, 5, n)],
        }
    )
    made = (
        Made(frame, random, harsh)
        .slip(["investigator", "treatment", "visit"], 0.02)
        .swap(["arm", "sex", "blood"], 0.015)
    )
    made.spoil("format", "date", 0.03, lambda v: pd.Timestamp(v.title()).strftime("%Y-%m-%d"))
    made.spoil("unit", "temperature", 0.02, lambda v: f"{float(v) * 9 / 5 + 32:.1f}")
    made.spoil("unit", "glucose", 0.03, lambda v: f"{float(v[:-6]) / 18.02:.1f} mmol/L")
    made.spoil("outlier", "systolic", 0.01, lambda v: f"{v}0")
    return made.lose(["sex", "blood"], 0.02, ["unk", ""])


def make_books(random: Draw, n: int = 1500, harsh: float = 1.0) -> Made:
    """Copies of books: publisher and year together are nearly a key, and are none."""
    houses = _some(lambda: f"{random.choice(LAST)} {random.choice(['Press', 'Books', '& Sons', 'House'])}", 40)
    towns = _pick(["London", "New York", "Berlin", "Paris", "Boston"], 40, random)
    writers = _some(lambda: f"{random.choice(LAST)}, {random.choice(FIRST)}", 120)
    books = n // 3
    titles = [" ".join(w.capitalize() for w in random.choice(TOPICS, random.integers(3, 6))) for _ in range(books)]
    code, by = _some(lambda: f"978{random.integers(10**9, 10**10 - 1)}", books), random.integers(120, size=books)
    house, year = random.integers(40, size=books), random.integers(1970, 2021, books)
    pages, at = random.integers(80, 900, books), random.integers(books, size=n)
    frame = pd.DataFrame(
        {
            "isbn": [code[i] for i in at],
            "title": [titles[i] for i in at],
            "author": [writers[by[i]] for i in at],
            "publisher": [houses[house[i]] for i in at],
            "place": [towns[house[i]] for i in at],
            "year": [str(year[i]) for i in at],
            "pages": [f"{pages[i]} p." for i in at],
            "price": [f"£{v:.2f}" for v in random.gamma(4, 4, n) + 2],
            "added": [_day(random).strftime("%d/%m/%Y") for _ in at],
        }
    )
    made = (
        Made(frame, random, harsh)
        .slip(["title", "author", "publisher", "place"], 0.025)
        .swap(["author", "year"], 0.015)
    )
    made.spoil("format", "author", 0.02, lambda v: " ".join(v.split(", ")[::-1]))
    made.spoil("format", "pages", 0.03, lambda v: v.replace(" p.", " pages")).spoil(
        "format", "price", 0.02, lambda v: v[1:]
    )
    made.spoil("format", "added", 0.02, lambda v: f"{v[6:]}-{v[3:5]}-{v[:2]}")
    return made.lose(["publisher", "year"], 0.02, ["", "n.d."])


def make_fortunes(random: Draw, n: int = 2600, harsh: float = 1.0) -> Made:
    """Rich people in three years: what belongs to the person, to the country, and to country and year."""
    people = _some(
        lambda: f"{random.choice(FIRST)} {random.choice(LAST)}{random.choice(['', '', ' Jr.', ' & family'])}", n // 3
    )
    land = _pick(list(_LANDS), len(people), random, 0.9)
    trade = _pick(["Technology", "Retail", "Media", "Energy", "Finance", "Real Estate"], len(people), random, 0.3)
    firm = [f"{random.choice(LAST)} {random.choice(['Group', 'Holdings', 'Corp', 'Industries'])}" for _ in people]
    born, wealth = random.integers(1925, 1985, len(people)), {}
    at, years = random.integers(len(people), size=n), random.choice([1996, 2001, 2014], n)
    for name in _LANDS:
        wealth |= {(name, year): f"{random.uniform(3e11, 1.6e13):.0f}" for year in (1996, 2001, 2014)}
    frame = pd.DataFrame(
        {
            "name": [people[i] for i in at],
            "year": [str(y) for y in years],
            "age": [str(y - born[i]) for i, y in zip(at, years, strict=True)],
            "citizenship": [land[i] for i in at],
            "country_code": [_LANDS[land[i]][0] for i in at],
            "region": [_LANDS[land[i]][1] for i in at],
            "gdp": [wealth[land[i], int(y)] for i, y in zip(at, years, strict=True)],
            "company": [firm[i] for i in at],
            "industry": [trade[i] for i in at],
            "worth": [f"{v:.1f}" for v in random.pareto(1.4, n) + 1],
        }
    )
    made = Made(frame, random, harsh).slip(["name", "citizenship", "company", "industry"], 0.02)
    made.swap(["country_code", "region", "industry"], 0.015).spoil("outlier", "age", 0.005, lambda _: "-1")
    made.spoil("outlier", "worth", 0.004, lambda v: f"{float(v) * 1e9:.0f}")
    return made.spoil("variant", "citizenship", 0.01, str.upper).lose(["company", "region"], 0.02, ["", "unknown"])


def make_providers(random: Draw, n: int = 1200, harsh: float = 1.0) -> Made:
    """Measures of providers of care: every column is settled by others, and each has slips, as many as `harsh` says."""
    ends = ["hospital", "medical center", "clinic"]
    towns = list(CITIES)
    names = [v.lower() for v in _name_places(random, ends, max(n // 20, 8))]
    town = [towns[i] for i in random.integers(len(towns), size=len(names))]
    street = [f"{random.integers(1, 9999)} {random.choice(STREETS)} street".lower() for _ in names]
    owner = random.choice(["government", "voluntary", "proprietary"], len(names))
    what = {"ami": "heart attack", "hf": "heart failure", "pn": "pneumonia", "scip": "surgical prevention"}
    measures = [
        (f"{short}-{i}", what[short], " ".join(random.choice(TOPICS, 7))) for short in what for i in range(1, 8)
    ]
    pairs = [(i, m) for i in range(len(names)) for m in measures]
    rows = [pairs[i] for i in random.permutation(len(pairs))[:n]]
    frame = pd.DataFrame(
        {
            "provider": [str(10_000 + 7 * i) for i, _ in rows],
            "name": [names[i] for i, _ in rows],
            "address": [street[i] for i, _ in rows],
            "city": [town[i].lower() for i, _ in rows],
            "state": [CITIES[town[i]][0].lower() for i, _ in rows],
            "zip": [CITIES[town[i]][2] for i, _ in rows],
            "owner": [str(owner[i]) for i, _ in rows],
            "condition": [m[1] for _, m in rows],
            "code": [m[0] for _, m in rows],
            "measure": [m[2] for _, m in rows],
            "average": [f"{CITIES[town[i]][0].lower()}_{m[0]}" for i, m in rows],
            "score": [f"{random.integers(40, 101)}%" for _ in rows],
        }
    )
    made = Made(frame, random, harsh)
    for column in frame.columns[:-1]:
        made.spoil("typo", column, 0.05, lambda v: slip(v, random))
    return made


MORE: dict[str, Callable[..., Made]] = {
    "census": make_census,
    "players": make_players,
    "addresses": make_addresses,
    "inspections": make_inspections,
    "trials": make_trials,
    "books": make_books,
    "fortunes": make_fortunes,
    "providers": make_providers,
}
