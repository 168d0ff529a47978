"""Counts and lists of names, as people write them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from dcai.base.display import show_share
from dcai.base.errors import shorten

# Models by what they look at; variants of one are named together.
PLAIN_MODELS = {
    "naive Bayes": "word counts (naive Bayes)",
    "logistic regression, loose": "logistic regression",
    "discriminant": "class averages",
    "discriminant, loose": "class averages",
    "kernel": "likeness to other rows",
    "trees": "random trees",
    "boosting": "boosted trees",
    "discriminant of meanings": "meanings of texts (class averages)",
    "logistic regression of meanings": "meanings of texts (logistic regression)",
}
TOO_PLAIN = (
    "Either hardly any label is wrong, or columns and labels were made from each other (rules, votes, codes, what came after), or "
    "probabilities of your own come from a model that has seen these rows: then wrong labels look right, and only other columns, "
    "named in features=[...], or other probabilities can tell."
)
LEAST_SHARE = 0.005
MOST_NAMED = 5
LONGEST_NAME = 40


def count(number: int, noun: str, verbs: tuple[str, str] | None = None) -> str:
    """Write a number with its noun, and with the verb in its singular or plural.

    Examples
    --------
    >>> count(1, "row"), count(2000, "row"), count(1, "row", ("was", "were"))
    ('1 row', '2,000 rows', '1 row was')
    """
    verb = "" if verbs is None else f" {verbs[number != 1]}"
    return f"{number:,} {noun}{'' if number == 1 else 's'}{verb}"


def describe_mixture(weights: Mapping[str, float]) -> str:
    """Name the models of a mixture in plain words, the heaviest first; what weighs less than half a percent is left out.

    Examples
    --------
    >>> describe_mixture({"kernel": 0.5, "discriminant": 0.3, "discriminant, loose": 0.2, "trees": 0.001})
    'mixture of class averages 50%, likeness to other rows 50%'
    """
    shares: dict[str, float] = {}
    for name, weight in weights.items():
        plainly = PLAIN_MODELS.get(name, name)
        shares[plainly] = shares.get(plainly, 0.0) + weight
    ranked = sorted(shares.items(), key=lambda x: (-x[1], x[0]))
    return "mixture of " + ", ".join(f"{name} {share:.0%}" for name, share in ranked if share >= LEAST_SHARE)


def show_part(number: int, total: int) -> str:
    """Write what share of some rows a number of them is.

    Examples
    --------
    >>> show_part(300, 300), show_part(3, 400)
    ('all', '< 1 %')
    """
    return "all" if number == total else show_share(number / max(total, 1))


def name_some(names: Collection[object]) -> str:
    """Name the first few of many.

    Examples
    --------
    >>> name_some(["a", "b"]), name_some(range(7))
    ("'a', 'b'", '0, 1, 2, 3, 4 and 2 more')
    """
    first = ", ".join(shorten(repr(name), LONGEST_NAME) for name in list(names)[:MOST_NAMED])
    more = len(names) - MOST_NAMED
    return f"{first} and {more:,} more" if more > 0 else first


def say_left_out(what: str, left: Mapping[str, Sequence[str]]) -> list[str]:
    """Say for each reason which columns were not searched for something.

    Examples
    --------
    >>> say_left_out("spellings", {"it is empty": ["a"]})
    ["1 column was not searched for spellings (it is empty): 'a'"]
    """
    return [
        f"{count(len(names), 'column', ('was', 'were'))} not searched for {what} ({why}): {name_some(names)}"
        for why, names in left.items()
    ]


def count_unlabelled(rows: int, what: str = "label") -> list[str]:
    """Say how many rows were not judged for want of a label; nothing where there are none.

    Examples
    --------
    >>> count_unlabelled(1), count_unlabelled(0)
    (['1 row has no label and was not judged'], [])
    """
    return (
        [f"{count(rows, 'row', ('has', 'have'))} no {what} and {'was' if rows == 1 else 'were'} not judged"]
        if rows
        else []
    )


def say_apart(what: Mapping[str, Sequence[str]]) -> list[str]:
    """Say which columns were not searched as they are there for something else.

    Examples
    --------
    >>> say_apart({"key": ["id"], "groups": []})
    ["not searched, being the key: 'id'"]
    """
    return [f"not searched, being the {role}: {name_some(names)}" for role, names in what.items() if names]
