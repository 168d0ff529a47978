"""Made tables of ten kinds, clean and with errors of different kinds in them: what is wrong, and why, is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import pandas as pd

Draw = np.random.Generator
Change = Callable[[str], str]
MOST_SPOILED = 0.4

FIRST = [
    "Anna",
    "Bernard",
    "Clara",
    "David",
    "Elena",
    "Farid",
    "Grace",
    "Hugo",
    "Irene",
    "Jamal",
    "Karin",
    "Louis",
    "Maria",
    "Nadia",
    "Oscar",
    "Paula",
    "Quentin",
    "Rosa",
    "Samuel",
    "Tessa",
    "Ulrich",
    "Vera",
    "Walter",
    "Yusuf",
    "Zoe",
    "Alice",
    "Bruno",
    "Carmen",
    "Dmitri",
    "Esther",
    "Felix",
    "Greta",
    "Harold",
    "Ingrid",
    "Joseph",
    "Keiko",
    "Leon",
    "Miriam",
    "Noah",
    "Olga",
]
LAST = [
    "Adler",
    "Barnes",
    "Castro",
    "Duval",
    "Engel",
    "Fischer",
    "Garcia",
    "Hansen",
    "Ivanov",
    "Jensen",
    "Keller",
    "Lambert",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quinn",
    "Rossi",
    "Schmidt",
    "Tanaka",
    "Ullman",
    "Vargas",
    "Weber",
    "Xu",
    "Young",
    "Zimmer",
    "Andersson",
    "Becker",
    "Costa",
    "Dubois",
    "Evans",
    "Ferrari",
    "Gruber",
    "Hoffman",
    "Ibrahim",
    "Johansson",
    "Kowalski",
    "Larsen",
    "Murphy",
    "Nielsen",
    "Ortega",
    "Pereira",
    "Reyes",
    "Sato",
    "Torres",
    "Varga",
    "Wagner",
    "Yilmaz",
    "Abbott",
    "Brennan",
    "Coleman",
    "Donovan",
    "Ellis",
    "Fletcher",
    "Gardner",
]
CITIES = {
    "Boston": ("MA", "617", "02108"),
    "Worcester": ("MA", "508", "01602"),
    "Providence": ("RI", "401", "02903"),
    "Hartford": ("CT", "860", "06103"),
    "New York": ("NY", "212", "10001"),
    "Buffalo": ("NY", "716", "14202"),
    "Albany": ("NY", "518", "12207"),
    "Newark": ("NJ", "973", "07102"),
    "Philadelphia": ("PA", "215", "19102"),
    "Pittsburgh": ("PA", "412", "15222"),
    "Baltimore": ("MD", "410", "21201"),
    "Richmond": ("VA", "804", "23219"),
    "Atlanta": ("GA", "404", "30303"),
    "Savannah": ("GA", "912", "31401"),
    "Miami": ("FL", "305", "33130"),
    "Chicago": ("IL", "312", "60601"),
    "Springfield": ("IL", "217", "62701"),
    "Detroit": ("MI", "313", "48226"),
    "Houston": ("TX", "713", "77002"),
    "Austin": ("TX", "512", "78701"),
    "Denver": ("CO", "303", "80202"),
    "Seattle": ("WA", "206", "98101"),
    "Portland": ("OR", "503", "97204"),
    "San Diego": ("CA", "619", "92101"),
}
STREETS = [
    "Oak",
    "Maple",
    "Cedar",
    "Lake",
    "Hill",
    "Park",
    "Main",
    "River",
    "Church",
    "Mill",
    "Spring",
    "Walnut",
    "Union",
    "Highland",
    "Bridge",
    "Market",
    "Sunset",
    "Forest",
    "Grove",
    "Canal",
]
ADJECTIVES = [
    "Golden",
    "Blue",
    "Old",
    "Little",
    "Red",
    "Royal",
    "Silver",
    "Happy",
    "Green",
    "White",
    "Lucky",
    "Grand",
    "Rustic",
    "Hidden",
    "Sunny",
    "Copper",
]
NOUNS = [
    "Dragon",
    "Garden",
    "Kitchen",
    "Table",
    "Lantern",
    "Olive",
    "Harbor",
    "Oven",
    "Spoon",
    "Orchard",
    "Anchor",
    "Fork",
    "Barrel",
    "Pepper",
    "Terrace",
    "Corner",
]
TOPICS = [
    "randomized",
    "trial",
    "treatment",
    "outcome",
    "children",
    "hospital",
    "infection",
    "screening",
    "cohort",
    "study",
    "early",
    "diagnosis",
    "therapy",
    "cancer",
    "cardiac",
    "surgery",
    "chronic",
    "pain",
    "depression",
    "diabetes",
    "nutrition",
    "exercise",
    "vaccine",
    "pregnancy",
    "elderly",
    "stroke",
    "asthma",
    "quality",
    "life",
    "review",
    "meta",
    "analysis",
    "effects",
    "risk",
    "factors",
    "long",
    "term",
    "follow",
    "care",
    "primary",
    "patients",
    "women",
    "adults",
]


@dataclass(eq=False)
class Made:
    """A clean table, its dirty twin, and of each cell by what kind of error it was spoiled."""

    clean: pd.DataFrame
    random: Draw
    harsh: float = 1.0  # times as many errors
    dirty: pd.DataFrame = field(init=False)
    kinds: dict[tuple[int, str], str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Begin without errors."""
        self.clean = self.clean.astype(object)
        self.dirty = self.clean.copy()

    def spoil(self, kind: str, column: str, share: float, how: Change) -> Made:
        """Spoil a share of a column's cells that are still right and not empty."""
        for row in np.flatnonzero(self.random.random(len(self.clean)) < min(share * self.harsh, MOST_SPOILED)).tolist():
            given = str(self.clean.loc[row, column])
            made = how(given)
            if given and made != given and (row, column) not in self.kinds:
                self.dirty.loc[row, column] = made
                self.kinds[row, column] = kind
        return self

    def slip(self, columns: Sequence[str], share: float) -> Made:
        """Spoil columns by slips of the pen."""
        for column in columns:
            self.spoil("typo", column, share, lambda v: slip(v, self.random))
        return self

    def swap(self, columns: Sequence[str], share: float) -> Made:
        """Put other values of the same column in the place of right ones."""
        for column in columns:
            pool = sorted(set(self.clean[column]))
            self.spoil("swap", column, share, lambda _, pool=pool: str(self.random.choice(pool)))
        return self

    def lose(self, columns: Sequence[str], share: float, words: Sequence[str] = ("", "N/A")) -> Made:
        """Put nothing, or a word for it, in the place of values."""
        for column in columns:
            self.spoil("missing", column, share, lambda _: str(self.random.choice(words)))
        return self


def slip(text: str, random: Draw) -> str:
    """Make one slip of the pen: a letter lost, doubled, changed, or two swapped; digits stay digits."""
    if len(text) < 3:
        return text
    at, kind = int(random.integers(len(text) - 1)), int(random.integers(4))
    other = str(random.integers(10)) if text[at].isdigit() else chr(97 + int(random.integers(26)))
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    if kind == 2:
        return text[:at] + other + text[at + 1 :]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def _pick(values: Sequence[str], n: int, random: Draw, steep: float = 0.6) -> list[str]:
    """Draw values, the first ones more often than the last."""
    weight = np.arange(1, len(values) + 1) ** -steep
    return [values[i] for i in random.choice(len(values), n, p=weight / weight.sum())]


def _some(make: Callable[[], str], n: int) -> list[str]:
    """Make n different texts."""
    found: dict[str, None] = {}
    while len(found) < n:
        found.setdefault(make())
    return list(found)


def _day(random: Draw, start: str = "2019-01-01", days: int = 900) -> date:
    return date.fromisoformat(start) + timedelta(days=int(random.integers(days)))


def make_flights(random: Draw, n: int = 1200, harsh: float = 1.0) -> Made:
    """Reports of flights by several sources, some of them careless: only agreement tells."""
    sources = [f"{w.lower()}.example" for w in NOUNS[:14]]
    care = random.uniform(0.75, 0.99, len(sources))

    def tell(minute: int) -> str:
        hour, rest = divmod(minute % 1440, 60)
        return f"{(hour - 1) % 12 + 1}:{rest:02d} {'a.m.' if hour < 12 else 'p.m.'}"

    rows, truth = [], []
    for number in random.choice(np.arange(100, 9999), n // 11, replace=False):
        ports = random.choice(["JFK", "ORD", "LAX", "DFW", "SEA", "MIA", "BOS", "ATL"], 2, replace=False)
        flight = f"{random.choice(['AA', 'UA', 'DL', 'WN'])}-{number}-{ports[0]}-{ports[1]}"
        start, length = int(random.integers(300, 1200)), int(random.integers(60, 330))
        times = [start, start + int(random.normal(8, 12)), start + length, start + length + int(random.normal(4, 15))]
        for place, source in enumerate(sources):
            if random.random() < 0.2:
                continue
            truth.append([source, flight, *map(tell, times)])
            told = [t if random.random() < care[place] else t + int(random.integers(3, 45)) for t in times]
            rows.append([source, flight, *map(tell, told)])
    names = ["source", "flight", "scheduled_departure", "actual_departure", "scheduled_arrival", "actual_arrival"]
    made, given = Made(pd.DataFrame(truth, columns=names), random, harsh), pd.DataFrame(rows, columns=names)
    for column in names[2:]:
        for row in np.flatnonzero((given[column] != made.clean[column]).to_numpy()).tolist():
            made.dirty.loc[row, column], made.kinds[row, column] = given.loc[row, column], "swap"
        made.spoil("format", column, 0.01, lambda v: v.replace("a.m.", "AM").replace("p.m.", "PM"))
        made.lose([column], 0.02, [""])
    return made


def make_references(random: Draw, n: int = 900, harsh: float = 1.0) -> Made:
    """References to articles: journals with their abbreviation, ISSN and language, and columns that nothing settles."""
    words = ["Medicine", "Surgery", "Nursing", "Cardiology", "Oncology", "Pediatrics", "Health", "Pain", "Nutrition"]
    journals = _some(
        lambda: (
            f"{random.choice(['Journal of', 'Annals of', 'Archives of', 'International Journal of'])} "
            f"{random.choice(['Clinical', 'Experimental', 'Applied', 'General', 'Molecular', 'Family'])} {random.choice(words)}"
        ),
        90,
    )
    issn = _some(lambda: f"{random.integers(1000, 9999)}-{random.integers(1000, 9999)}", 90)
    speech = _pick(["eng", "fre", "ger", "spa"], 90, random, 2.0)
    at = [journals.index(j) for j in _pick(journals, n, random, 0.7)]
    pages = [(int(a), int(a + random.integers(3, 15))) for a in random.integers(1, 900, n)]
    frame = pd.DataFrame(
        {
            "id": [str(i + 1) for i in range(n)],
            "title": [" ".join(random.choice(TOPICS, random.integers(5, 10))).capitalize() for _ in range(n)],
            "authors": [
                "; ".join(f"{random.choice(LAST)} {random.choice(FIRST)[0]}" for _ in range(random.integers(1, 4)))
                for _ in range(n)
            ],
            "journal": [journals[i] for i in at],
            "abbreviation": [" ".join(w[:4] for w in journals[i].split() if w != "of") for i in at],
            "issn": [issn[i] for i in at],
            "language": [speech[i] for i in at],
            "volume": [str(v) for v in random.integers(1, 70, n)],
            "pages": [f"{a}-{b}" for a, b in pages],
            "created": [_day(random).strftime("%m/%d/%y") for _ in range(n)],
        }
    )
    made = Made(frame, random, harsh)
    made.slip(["journal", "abbreviation", "issn"], 0.03).lose(["abbreviation", "language"], 0.03, ["", "unknown"])
    made.swap(["language", "issn"], 0.02)
    made.spoil("format", "pages", 0.03, lambda v: f"pp. {v}")
    made.spoil("format", "created", 0.03, lambda v: f"20{v[-2:]}-{v[:2]}-{v[3:5]}")
    return made.spoil("format", "issn", 0.02, lambda v: v.replace("-", ""))


def make_restaurants(random: Draw, n: int = 900, harsh: float = 1.0) -> Made:
    """Restaurants, each in several lists."""
    places = list(CITIES)
    names = _some(lambda: f"{random.choice(ADJECTIVES)} {random.choice(NOUNS)}", n // 4)
    towns, kinds = (
        _pick(places, len(names), random, 0.3),
        ["American", "Italian", "Chinese", "Mexican", "Thai", "French"],
    )
    food = _pick(kinds, len(names), random, 0.5)
    street = [f"{random.integers(1, 999)} {random.choice(STREETS)} {random.choice(['St', 'Ave', 'Rd'])}" for _ in names]
    phone = [f"{CITIES[t][1]}-{random.integers(200, 999)}-{random.integers(1000, 9999)}" for t in towns]
    at = random.integers(len(names), size=n)
    frame = pd.DataFrame(
        {
            "name": [names[i] for i in at],
            "street": [street[i] for i in at],
            "city": [towns[i] for i in at],
            "state": [CITIES[towns[i]][0] for i in at],
            "zip": [CITIES[towns[i]][2] for i in at],
            "phone": [phone[i] for i in at],
            "cuisine": [food[i] for i in at],
            "stars": [str(s) for s in random.integers(2, 11, n) / 2],
            "reviews": [str(int(r)) for r in random.lognormal(4, 1.2, n)],
        }
    )
    made = (
        Made(frame, random, harsh)
        .slip(["name", "street", "city", "cuisine"], 0.02)
        .swap(["state", "zip", "cuisine"], 0.02)
    )
    made.spoil("format", "phone", 0.04, lambda v: f"({v[:3]}) {v[4:]}")
    made.spoil("variant", "city", 0.02, str.upper)
    made.spoil("variant", "cuisine", 0.02, str.lower)
    return made.lose(["phone", "stars"], 0.02, ["N/A", "-"])


def make_sensors(random: Draw, n: int = 1500, harsh: float = 1.0) -> Made:
    """Measurements of stations that stand still."""
    stations = [f"ST{i:03d}" for i in range(30)]
    name = [
        f"{a} {b}"
        for a, b in zip(_pick(STREETS, 30, random, 0), random.choice(["North", "South", "Harbor"], 30), strict=True)
    ]
    where = [
        (f"{random.uniform(46, 54):.4f}", f"{random.uniform(6, 14):.4f}", str(random.integers(2, 900)))
        for _ in stations
    ]
    at, days = random.integers(30, size=n), [_day(random) for _ in range(n)]
    warm = [11 - 10 * np.cos(2 * np.pi * d.timetuple().tm_yday / 365) + random.normal(0, 4) for d in days]
    frame = pd.DataFrame(
        {
            "station": [stations[i] for i in at],
            "site": [name[i] for i in at],
            "latitude": [where[i][0] for i in at],
            "longitude": [where[i][1] for i in at],
            "elevation": [where[i][2] for i in at],
            "time": [f"{d.isoformat()}T{random.integers(24):02d}:00" for d in days],
            "temperature": [f"{t:.1f}" for t in warm],
            "humidity": [f"{min(100, max(20, random.normal(72, 15))):.0f}" for _ in range(n)],
            "pressure": [f"{random.normal(1014, 8):.1f}" for _ in range(n)],
            "rain": [f"{r:.1f}" for r in np.where(random.random(n) < 0.7, 0, random.gamma(0.8, 5, n))],
        }
    )
    made = Made(frame, random, harsh).slip(["site"], 0.02).swap(["station", "site", "elevation"], 0.015)
    made.spoil("outlier", "temperature", 0.006, lambda v: f"{float(v) * 10 + 80:.1f}")
    made.spoil("outlier", "pressure", 0.006, lambda v: f"{float(v) / 10:.1f}")
    made.spoil("missing", "humidity", 0.02, lambda _: "-999").spoil("missing", "rain", 0.02, lambda _: "NaN")
    made.spoil("format", "temperature", 0.02, lambda v: v.replace(".", ","))
    return made.spoil("format", "time", 0.02, lambda v: f"{v[8:10]}.{v[5:7]}.{v[:4]} {v[11:]}")


def make_invoices(random: Draw, n: int = 1200, harsh: float = 1.0) -> Made:
    """Lines of invoices with totals that are computed, and customers that come again."""
    customers = _some(lambda: f"{random.choice(LAST)} {random.choice(['Ltd', 'GmbH', 'Inc', 'SARL', 'and Sons'])}", 120)
    land = _pick(["Germany", "France", "Austria", "Italy", "Spain"], 120, random, 0.5)
    rate = {"Germany": 19, "France": 20, "Austria": 20, "Italy": 22, "Spain": 21}
    at = [customers.index(c) for c in _pick(customers, n, random, 0.5)]
    days = [_day(random) for _ in range(n)]
    count, price = random.integers(1, 40, n), np.round(random.gamma(2, 30, n) + 1, 2)
    net = np.round(count * price, 2)
    tax = np.round(net * [rate[land[i]] / 100 for i in at], 2)
    frame = pd.DataFrame(
        {
            "invoice": [f"INV-{2019000 + i}" for i in range(n)],
            "customer_id": [f"C{1000 + i}" for i in at],
            "customer": [customers[i] for i in at],
            "country": [land[i] for i in at],
            "issued": [d.isoformat() for d in days],
            "due": [(d + timedelta(days=int(random.choice([14, 30])))).isoformat() for d in days],
            "quantity": [str(c) for c in count],
            "unit_price": [f"{p:.2f}" for p in price],
            "net": [f"{v:.2f}" for v in net],
            "tax_rate": [f"{rate[land[i]]}%" for i in at],
            "tax": [f"{v:.2f}" for v in tax],
            "total": [f"{v:.2f}" for v in net + tax],
        }
    )
    made = (
        Made(frame, random, harsh)
        .slip(["customer", "country"], 0.02)
        .swap(["customer_id", "country", "tax_rate"], 0.015)
    )
    made.spoil("computed", "total", 0.015, lambda v: f"{float(v) + float(random.choice([-90, 10, 100, 9])):.2f}")
    made.spoil("computed", "net", 0.01, lambda v: f"{float(v) * 10:.2f}")
    made.spoil("format", "unit_price", 0.02, lambda v: v.replace(".", ","))
    made.spoil("format", "issued", 0.02, lambda v: f"{v[8:10]}/{v[5:7]}/{v[:4]}")
    made.spoil("order", "due", 0.01, lambda v: f"{int(v[:4]) - 1}{v[4:]}")
    return made.lose(["customer", "country"], 0.015, ["", "n/a"])


def make_visits(random: Draw, n: int = 1000, harsh: float = 1.0) -> Made:
    """Visits of patients: what belongs to the patient, to the diagnosis, and to the visit."""
    people = n // 5
    who = [(f"{random.choice(FIRST)} {random.choice(LAST)}", str(random.choice(["F", "M"]))) for _ in range(people)]
    born = [_day(random, "1935-01-01", 28000) for _ in range(people)]
    tall = [str(int(random.normal(170, 9))) for _ in range(people)]
    codes = {
        "I10": "Essential hypertension", "E11": "Type 2 diabetes", "J45": "Asthma", "M54": "Back pain", "N39": "Urinary infection",
        "J06": "Respiratory infection", "F32": "Depressive episode", "K21": "Reflux disease", "G43": "Migraine", "L20": "Dermatitis",
    }  # fmt: skip
    at, ill = random.integers(people, size=n), _pick(list(codes), n, random, 0.5)
    seen = [_day(random) for _ in range(n)]
    weight = [f"{random.normal(76, 12):.1f} kg" for _ in range(people)]
    frame = pd.DataFrame(
        {
            "visit": [f"V{i:05d}" for i in range(n)],
            "patient": [f"P{i:04d}" for i in at],
            "name": [who[i][0] for i in at],
            "sex": [who[i][1] for i in at],
            "birth_date": [born[i].isoformat() for i in at],
            "age": [str((d - born[i]).days // 365) for d, i in zip(seen, at, strict=True)],
            "visit_date": [d.isoformat() for d in seen],
            "code": ill,
            "diagnosis": [codes[c] for c in ill],
            "height_cm": [tall[i] for i in at],
            "weight": [weight[i] for i in at],
            "ward": _pick(["Internal Medicine", "Surgery", "Pediatrics", "Emergency"], n, random, 0.5),
        }
    )
    made = (
        Made(frame, random, harsh).slip(["name", "diagnosis", "ward"], 0.02).swap(["sex", "code", "birth_date"], 0.015)
    )
    made.spoil("outlier", "age", 0.006, lambda v: f"{v}0" if random.random() < 0.5 else f"-{v}")
    made.spoil("outlier", "height_cm", 0.01, lambda v: f"{int(v) / 100:.2f}")
    made.spoil("unit", "weight", 0.03, lambda v: f"{float(v[:-3]) / 0.45359237:.1f} lb")
    made.spoil("format", "visit_date", 0.02, lambda v: f"{v[8:10]}.{v[5:7]}.{v[:4]}")
    made.spoil("variant", "ward", 0.02, str.lower)
    return made.lose(["sex", "height_cm"], 0.02, ["?", "unknown"])


def make_orders(random: Draw, n: int = 1000, harsh: float = 1.0) -> Made:
    """Orders with prices in currencies, as shops write them down."""
    kinds = ["Laptop", "Monitor", "Keyboard", "Headset", "Printer", "Router", "Tablet", "Camera", "Speaker", "Charger"]
    goods = _some(lambda: f"{random.choice(kinds)} {random.choice(list('ABCDEFGHKMX'))}{random.integers(10, 99)}", 70)
    cost = [random.gamma(2, 120) + 9 for _ in goods]
    at, days = [goods.index(g) for g in _pick(goods, n, random, 0.5)], [_day(random) for _ in range(n)]
    frame = pd.DataFrame(
        {
            "order": [str(700000 + 3 * i) for i in range(n)],
            "product": [goods[i] for i in at],
            "category": [goods[i].split()[0] + "s" for i in at],
            "price": [f"€{cost[i]:,.2f}" for i in at],
            "quantity": [str(q) for q in 1 + random.poisson(0.6, n)],
            "ordered": [d.strftime("%d %b %Y") for d in days],
            "shipped": [(d + timedelta(days=int(random.integers(1, 6)))).strftime("%Y-%m-%d") for d in days],
            "channel": _pick(["web", "shop", "phone"], n, random, 1.0),
            "discount": [f"{d}%" for d in _pick(["0", "5", "10", "15", "20"], n, random, 1.2)],
        }
    )
    made = Made(frame, random, harsh).slip(["product", "category", "channel"], 0.02).swap(["category", "price"], 0.015)
    made.spoil("format", "price", 0.03, lambda v: f"{v[1:]} EUR")
    made.spoil("format", "ordered", 0.03, lambda v: f"{v[7:]}/{v[3:6]}/{v[:2]}")
    made.spoil("format", "shipped", 0.03, lambda v: f"{v[8:]}.{v[5:7]}.{v[:4]}")
    made.spoil("format", "discount", 0.03, lambda v: f"0.{int(v[:-1]):02d}")
    made.spoil("outlier", "quantity", 0.004, lambda v: f"{v}00")
    return made.lose(["channel", "discount"], 0.02, ["none given", "N/A", ""])


def make_catalogue(random: Draw, n: int = 900, harsh: float = 1.0) -> Made:
    """Goods with measures, offered by several shops."""
    makers = _some(lambda: f"{random.choice(LAST)}{random.choice(['', ' Foods', ' Home', ' Labs'])}", 45)
    lands = _pick(["Italy", "Japan", "Brazil", "Canada", "India", "Poland"], 45, random, 0.3)
    what = ["Coffee", "Tea", "Honey", "Rice", "Pasta", "Flour", "Olive Oil", "Vinegar", "Sugar", "Salt"]
    kinds = dict(
        zip(
            what,
            ["Drinks", "Drinks", "Spreads", "Grains", "Grains", "Grains", "Oils", "Oils", "Baking", "Baking"],
            strict=True,
        )
    )
    goods = n // 4
    by, of = random.integers(45, size=goods), _pick(what, goods, random, 0.3)
    code = _some(lambda: f"{random.integers(10**12, 10**13 - 1)}", goods)
    heavy = [f"{w} g" for w in _pick(["500", "250", "1000", "125", "750"], goods, random, 0.5)]
    style = _pick(["Classic", "Organic", "Fine", "Dark", "Mild", "Extra"], goods, random, 0.3)
    at = random.integers(goods, size=n)
    frame = pd.DataFrame(
        {
            "shop": [f"shop {i}" for i in random.integers(1, 13, n)],
            "ean": [code[i] for i in at],
            "brand": [makers[by[i]] for i in at],
            "title": [f"{makers[by[i]]} {style[i]} {of[i]}" for i in at],
            "category": [kinds[of[i]] for i in at],
            "origin": [lands[by[i]] for i in at],
            "weight": [heavy[i] for i in at],
            "price": [f"{p:.2f}" for p in random.gamma(6, 1.2, n) + 1],
            "stock": [str(s) for s in random.poisson(40, n)],
        }
    )
    made = (
        Made(frame, random, harsh)
        .slip(["brand", "title", "origin"], 0.02)
        .swap(["category", "weight", "origin"], 0.015)
    )
    made.spoil("unit", "weight", 0.03, lambda v: f"{int(v[:-2]) / 1000:g} kg")
    made.spoil("format", "weight", 0.02, lambda v: v.replace(" ", ""))
    made.spoil("outlier", "price", 0.006, lambda v: f"{float(v) * 100:.2f}")
    made.spoil("format", "price", 0.02, lambda v: f"${v}")
    return made.lose(["origin", "stock"], 0.02, ["", "null"])


def make_survey(random: Draw, n: int = 1100, harsh: float = 1.0) -> Made:
    """Answers of people: nothing settles anything but a region its code."""
    regions = ["North", "South", "East", "West", "Central", "Coast", "Islands"]
    at = _pick(regions, n, random, 0.4)
    study = ["primary", "secondary", "bachelor", "master", "doctorate"]
    frame = pd.DataFrame(
        {
            "respondent": [f"R{i:04d}" for i in range(n)],
            "age": [str(int(a)) for a in np.clip(random.normal(44, 15, n), 18, 92)],
            "gender": _pick(["female", "male", "other"], n, random, 1.0),
            "region": at,
            "region_code": [f"{regions.index(r) + 1:02d}" for r in at],
            "education": _pick([study[i] for i in (1, 2, 0, 3, 4)], n, random, 0.8),
            "household": [str(h) for h in 1 + random.poisson(1.5, n)],
            "income": [str(int(v) * 100) for v in random.lognormal(3.4, 0.4, n) * 10],
            "satisfaction": [str(s) for s in random.integers(1, 6, n)],
            "hours_online": [f"{h:.1f}" for h in random.gamma(3, 1.2, n)],
        }
    )
    made = (
        Made(frame, random, harsh).slip(["education", "region", "gender"], 0.02).swap(["region_code", "region"], 0.015)
    )
    made.spoil("missing", "satisfaction", 0.03, lambda _: "99").spoil("missing", "income", 0.03, lambda _: "-1")
    made.lose(["education", "household"], 0.02, ["N/A", "refused", "no answer"])
    made.spoil("variant", "gender", 0.03, str.capitalize).spoil("variant", "education", 0.02, lambda v: f" {v}")
    made.spoil("outlier", "age", 0.004, lambda v: f"{v}0").spoil(
        "outlier", "hours_online", 0.004, lambda v: f"{float(v) * 30:.1f}"
    )
    return made.spoil("format", "income", 0.03, lambda v: f"{int(v):,}")


def make_staff(random: Draw, n: int = 800, harsh: float = 1.0) -> Made:
    """Employees: addresses made of names, departments with codes and floors."""
    parts = [
        "Sales",
        "Finance",
        "Marketing",
        "Research",
        "Legal",
        "Support",
        "Logistics",
        "Purchasing",
        "Design",
        "Security",
    ]
    chief = [f"{a} {b}" for a, b in zip(FIRST, LAST, strict=False)][: len(parts)]
    at = [parts.index(p) for p in _pick(parts, n, random, 0.4)]
    names = [(str(random.choice(FIRST)), str(random.choice(LAST))) for _ in range(n)]
    towns = _pick(list(CITIES)[:10], len(parts), random, 0)
    frame = pd.DataFrame(
        {
            "employee": [f"{10000 + 7 * i}" for i in range(n)],
            "first_name": [a for a, _ in names],
            "last_name": [b for _, b in names],
            "email": [f"{a.lower()}.{b.lower()}{i % 10}@corp.example" for i, (a, b) in enumerate(names)],
            "department": [parts[i] for i in at],
            "cost_centre": [f"CC-{4100 + 10 * i}" for i in at],
            "manager": [chief[i] for i in at],
            "office": [towns[i] for i in at],
            "hired": [_day(random, "2005-01-01", 6000).isoformat() for _ in range(n)],
            "salary": [f"{int(s) * 100:,}" for s in random.lognormal(6.3, 0.3, n)],
            "phone": [
                f"+1 {CITIES[towns[i]][1]} {random.integers(200, 999)} {random.integers(1000, 9999)}" for i in at
            ],
        }
    )
    made = Made(frame, random, harsh).slip(["department", "manager", "office", "cost_centre"], 0.02)
    made.swap(["cost_centre", "office", "manager"], 0.015)
    made.spoil("format", "email", 0.02, lambda v: v.replace("@", " at "))
    made.spoil("format", "salary", 0.03, lambda v: v.replace(",", ""))
    made.spoil("format", "phone", 0.02, lambda v: v.replace("+1 ", "").replace(" ", ""))
    made.spoil("outlier", "salary", 0.004, lambda v: f"{v},000")
    return made.lose(["office", "hired"], 0.02, ["", "unknown", "1900-01-01"])


TABLES: dict[str, Callable[..., Made]] = {
    "flights": make_flights,
    "references": make_references,
    "restaurants": make_restaurants,
    "sensors": make_sensors,
    "invoices": make_invoices,
    "visits": make_visits,
    "orders": make_orders,
    "catalogue": make_catalogue,
    "survey": make_survey,
    "staff": make_staff,
}
