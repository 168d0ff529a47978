"""Labels that are a tag for each token: read, and judged token by token."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.errors import InputError
from dcai.base.fingerprints import canonical, plain
from dcai.base.parts import SPACE, read_parts
from dcai.base.records import Scalar
from dcai.findings.labels.classes import Labels
from dcai.findings.labels.noise import Noise, estimate_noise
from dcai.findings.wording import count

if TYPE_CHECKING:
    from dcai.findings.evidence import Evidence

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]

NAMED = 5  # rows that a message names
_CHUNK = re.compile(r"([BIELSU])-(.+)\Z", re.DOTALL)
_INSIDE = "IEL"  # tags that go on with a chunk
_OPEN = "BI"  # tags that a chunk may go on after
LAWFUL = 0.5  # more than this share of the chunks must begin with B-, for that to be the rule
LIKELY = 0.5
BROKEN = 0.6  # the least doubt of a tag that breaks the rule: it is wrong, or the tag before it


@dataclass(frozen=True, eq=False)
class Sentences:
    """Tokens and their tags, one after the other.

    Attributes
    ----------
    words : array of object, shape (T,)
        The tokens as text.
    row, part : array of int, shape (T,)
        The row of each token, and its place in it.
    labels : Labels
        The tags of the tokens as codes, -1 in rows without tags.
    column : str
        The column that holds the tokens.
    """

    words: npt.NDArray[np.object_]
    row: Rows
    part: Rows
    labels: Labels
    column: str

    @cached_property
    def first(self) -> Flags:
        """Which tokens begin a sentence."""
        return np.asarray(self.part == 0)

    @cached_property
    def last(self) -> Flags:
        """Which tokens end a sentence."""
        return np.asarray(np.append(self.first[1:], [True])) if len(self.first) else self.first

    @cached_property
    def rows(self) -> Rows:
        """The rows that have tags."""
        return np.unique(self.row[self.labels.codes >= 0])

    def show(self, token: int, width: int = 4) -> str:
        """Show a token among its neighbours, between brackets."""
        start, end = token - min(int(self.part[token]), width), token + 1
        while end <= token + width and end < len(self.words) and not self.first[end]:
            end += 1
        shown = [f"[{w}]" if i == token else str(w) for i, w in enumerate(self.words[start:end], start)]
        before = "… " if self.part[start] > 0 else ""
        after = "" if end == len(self.words) or self.first[end] else " …"
        return f"{before}{' '.join(shown)}{after}"


def read_sentences(evidence: Evidence) -> Sentences:
    """Read the tokens and tags of a table.

    Raises
    ------
    InputError
        Where a row has not as many tags as tokens, or there are fewer than two tags.
    """
    table, reading = evidence.table, evidence.reading
    assert table.label is not None
    assert reading.tokens is not None
    words = [read_parts(plain(v), SPACE) or [] for v in table.frame[reading.tokens]]
    tags = [read_parts(plain(v), reading.separator) for v in table.frame[table.label]]
    _check_cells(evidence, tags, reading.separator)
    wrong = [i for i, (w, t) in enumerate(zip(words, tags, strict=True)) if t is not None and len(t) != len(w)]
    if wrong:
        shown = sorted((int(evidence.positions[i]), len(words[i]), len(tags[i] or [])) for i in wrong)[:NAMED]
        named = ", ".join(f"row {row} ({w} tokens, {t} tags)" for row, w, t in shown)
        raise InputError(
            f"{count(len(wrong), 'row', ('has', 'have'))} not as many tags in {table.label!r} as tokens in {reading.tokens!r}: {named}"
            f"{', ...' if len(wrong) > NAMED else ''}. Correct or drop them; text is split at white space."
        )
    sizes = np.array([len(w) for w in words], dtype=np.intp)
    row = np.repeat(np.arange(len(words)), sizes)
    part = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    given = [tag for w, t in zip(words, tags, strict=True) for tag in (t if t is not None else [None] * len(w))]
    return Sentences(
        np.array([*(str(x) for w in words for x in w), None], dtype=object)[:-1],
        row, part, _number_tags(given, table.label), reading.tokens,
    )  # fmt: skip


def _check_cells(evidence: Evidence, tags: list[Any], separator: str | None) -> None:
    cells = evidence.table.frame[str(evidence.table.label)]
    odd = [i for i, t in enumerate(tags) if t is None and str(plain(cells.iloc[i]) or "").strip()]
    if odd:
        where = sorted(int(evidence.positions[i]) for i in odd)[:NAMED]
        raise InputError(
            f"{len(odd)} cells of the label column {evidence.table.label!r} are no lists of tags"
            f"{'' if separator is None else ' between spaces'}, in the rows {', '.join(map(str, where))}. Correct or drop them."
        )


def _number_tags(given: list[Scalar], name: str) -> Labels:
    """Number the tags as they are written: of two that differ in a letter none is a slip, as B-PER and I-PER show."""
    texts = [None if v is None else canonical(v) or str(v) for v in given]
    spelled = {text: v for text, v in zip(texts, given, strict=True) if text is not None}
    names = sorted(spelled, key=lambda text: (isinstance(spelled[text], str), _size(spelled[text]), text))
    if len(names) < 2:  # noqa: PLR2004 (a comparison needs two)
        raise InputError(
            f"The label column {name!r} holds {'the one tag ' + repr(names[0]) if names else 'no tag in any row'}. "
            "Expected at least two tags: name another column, or give no label."
        )
    place = {v: i for i, v in enumerate(names)}
    codes = np.array([-1 if v is None else place[v] for v in texts], dtype=np.intp)
    return Labels(tuple(spelled[name] for name in names), codes, np.array([*given, None], dtype=object)[:-1], ())


def _size(tag: Scalar) -> float:
    """Return what numbered tags are sorted by; tags that are text are sorted as text."""
    return float(tag) if isinstance(tag, (int, float)) else 0.0


# ---------------------------------------------------------------- judgement


@dataclass(frozen=True, eq=False)
class JudgedTags:
    """What is known of each tag: out-of-sample `probabilities` (T, K), the `noise`, and which tags break a chunk."""

    probabilities: Floats
    note: str
    noise: Noise
    broken: Flags
    rule: str

    @cached_property
    def doubt(self) -> Floats:
        """The doubt of each tag."""
        return np.where(self.broken, np.maximum(self.noise.doubt, BROKEN), self.noise.doubt)

    @cached_property
    def flagged(self) -> Flags:
        """The tags to look at: those that are more likely wrong than right."""
        return np.asarray(self.doubt > LIKELY)

    def worst(self, sentences: Sentences, rows: int) -> Floats:
        """Return the doubt of the worst tag of each row, NaN for a row without tags."""
        known = sentences.labels.codes >= 0
        worst = pd.Series(self.doubt[known]).groupby(sentences.row[known]).max()
        return np.asarray(worst.reindex(range(rows)).to_numpy(dtype=np.float64))


def judge_tags(evidence: Evidence) -> JudgedTags:
    """Predict the tags out of sample, or take the user's probabilities, and judge each."""
    sentences = evidence.sentences
    if evidence.settings.probabilities is None:
        from dcai.findings.labels.tagging import predict_tags

        found, note = predict_tags(evidence)
    else:
        from dcai.findings.labels.part_alignment import align_tags

        found, note = align_tags(evidence)
    noise = estimate_noise(found, sentences.labels.codes)
    broken, rule = find_breaks(sentences)
    # Where the tag before is in doubt, that one is likely the wrong one of the two.
    broken &= ~(np.append([False], noise.doubt[:-1] > LIKELY) & ~sentences.first)
    return JudgedTags(found, note, noise, broken, rule)


def find_breaks(sentences: Sentences) -> tuple[Flags, str]:
    """Find tags that go on with a chunk that has not begun, such as I-PER after O; and say what was looked at."""
    labels = sentences.labels
    split = [_CHUNK.match(str(name)) for name in labels.names]
    mark = np.array([m[1] if m else "" for m in split] + [""])[labels.codes]
    kind = np.array([m[2] if m else "" for m in split] + [""], dtype=object)[labels.codes]
    inside = np.isin(mark, list(_INSIDE))
    if not inside.any() or not (mark == "B").any():
        return np.zeros(len(mark), dtype=np.bool_), ""
    before = np.append([""], mark[:-1])
    lawful = np.isin(before, list(_OPEN)) & (np.append([""], kind[:-1]) == kind) & ~sentences.first
    broken = inside & ~lawful
    begun = int((mark == "B").sum())
    if begun <= LAWFUL * (begun + broken.sum()):
        return np.zeros(len(mark), dtype=np.bool_), "most chunks begin without B-, so how they begin was not checked"
    return broken, f"{int(broken.sum()):,} tags go on with a chunk that has not begun"


def choose_tags(sentences: Sentences, judged: JudgedTags, tokens: Rows) -> Rows:
    """Choose the likeliest other tag of some tokens; for one that breaks a chunk, the likeliest that does not."""
    labels = sentences.labels
    truth = judged.noise.truth[tokens].copy()
    own = labels.codes[tokens]
    truth[np.arange(len(tokens)), own] = -1.0
    split = [_CHUNK.match(str(name)) for name in labels.names]
    for i, token in enumerate(tokens):
        if not judged.broken[token]:
            continue
        ahead = None if sentences.first[token] else split[labels.codes[token - 1]]
        for k, m in enumerate(split):
            goes_on = m is not None and m[1] in _INSIDE
            if goes_on and not (ahead is not None and m is not None and ahead[1] in _OPEN and ahead[2] == m[2]):
                truth[i, k] = -1.0
    return np.asarray(truth.argmax(axis=1))
