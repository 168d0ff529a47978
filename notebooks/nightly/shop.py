"""A shop's database for the nightly example: customers and sales in SQLite, more of both each day.

Run as `python shop.py DAY [FILE]` it adds one day. Who pays well and returns little is a good customer; of seven in ten
the shop finds out the same day, and writes it down as their `rating`.
"""

from __future__ import annotations

import random
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

CUSTOMERS = 300
TABLES = """
CREATE TABLE IF NOT EXISTS customers (customer INTEGER PRIMARY KEY, day INTEGER NOT NULL, rating TEXT);
CREATE TABLE IF NOT EXISTS sales (sale INTEGER PRIMARY KEY, customer INTEGER NOT NULL, amount REAL NOT NULL,
                                  returned INTEGER NOT NULL);
CREATE VIEW IF NOT EXISTS features AS
    SELECT customer, day, rating, COUNT(*) AS sales, AVG(amount) AS amount, AVG(returned) AS returned
    FROM customers JOIN sales USING (customer) GROUP BY customer;
CREATE VIEW IF NOT EXISTS today AS
    SELECT sales, amount, returned FROM features WHERE day = (SELECT MAX(day) FROM customers);
"""


def add_day(path: Path, day: int, *, prices: float = 1.0, reversed_rule: bool = False) -> None:
    """Add a day: its customers, their sales, and what was found out about them.

    `prices` multiplies all amounts; with `reversed_rule` those who return much are the good ones.
    """
    chance = random.Random(day)
    with closing(sqlite3.connect(path)) as base:
        base.executescript(TABLES)
        for number in range(CUSTOMERS):
            customer = day * 1000 + number
            pays_well = chance.random() < 0.5
            good = pays_well != reversed_rule
            rating = ("good" if good else "bad") if chance.random() < 0.7 else None
            base.execute("INSERT INTO customers VALUES (?, ?, ?)", (customer, day, rating))
            for _ in range(chance.randint(5, 12)):
                amount = prices * chance.gauss(60 if pays_well else 40, 12)
                returned = chance.random() < (0.1 if pays_well else 0.45)
                base.execute(
                    "INSERT INTO sales (customer, amount, returned) VALUES (?, ?, ?)", (customer, amount, returned)
                )
        base.commit()


if __name__ == "__main__":
    add_day(Path(sys.argv[2] if len(sys.argv) > 2 else "shop.sqlite"), int(sys.argv[1]))
