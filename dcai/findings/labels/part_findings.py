"""What is found in labels with parts: rows whose set of classes is in doubt, and tokens whose tag is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from dcai.base.display import show_share
from dcai.base.errors import shorten
from dcai.base.fingerprints import canonical
from dcai.base.parts import read_parts
from dcai.findings.shape import make_findings
from dcai.findings.wording import count_unlabelled, name_some

if TYPE_CHECKING:
    from dcai.base.records import Scalar
    from dcai.findings.evidence import Evidence
    from dcai.findings.labels.multilabel import JudgedSets, Rows, Sets

_WORD = 40  # characters of a tag or token that a sentence shows


def find_sets(evidence: Evidence) -> pd.DataFrame:
    """Find rows whose set of classes contradicts out-of-sample predictions: one finding a row, for a set is decided as one."""
    sets, judged = evidence.sets, evidence.judged_sets
    respelled = _find_respelled(sets)
    rows = np.array(sorted({*np.flatnonzero(judged.flagged.any(axis=1)).tolist(), *respelled}), dtype=np.intp)
    suggested, reasons, sure, doubt = [], [], [], []
    for row in rows:
        wanted = sets.member[row] ^ judged.flagged[row]
        written = sets.write(int(row), wanted)
        suggested.append(written if written != "" else None)
        its = judged.doubt[row, judged.flagged[row]]
        spelled = [v.sure for v in respelled.get(int(row), [])]
        sure.append(float(np.prod(its)) * min([1.0, *spelled]))
        doubt.append(max([float(judged.rows[row]), *spelled]))
        reasons.append(_explain_set(sets, judged, int(row), respelled.get(int(row), [])))
    return make_findings(
        rows, doubt, reasons, column=evidence.table.label, given=[sets.given[r] for r in rows], suggested=suggested,
        confidence=np.array(sure, dtype=np.float64), note=_describe_sets(evidence),
    )  # fmt: skip


def _find_respelled(sets: Sets) -> dict[int, list[Any]]:
    """List the rows that hold another spelling of a class, with those spellings."""
    marks = {canonical(v.spelling): v for v in sets.variants}
    found: dict[int, list[Any]] = {}
    for row in sets.known if marks else ():
        held = [
            marks[mark]
            for part in read_parts(sets.given[row], sets.separator) or []
            if (mark := canonical(part)) in marks
        ]
        if held:
            found[int(row)] = held
    return found


def _explain_set(sets: Sets, judged: JudgedSets, row: int, respelled: list[Any]) -> str:
    doubtful = sorted(np.flatnonzero(judged.flagged[row]), key=lambda k: -judged.doubt[row, k])
    said = {True: [], False: []}  # type: dict[bool, list[str]]
    for k in doubtful:
        said[bool(sets.member[row, k])].append(f"{_name(sets.names[k])} ({show_share(judged.probabilities[row, k])})")
    parts = [f"that {', '.join(said[False])} {'is' if len(said[False]) == 1 else 'are'} missing"] if said[False] else []
    parts += (
        [f"that {', '.join(said[True])} {'does' if len(said[True]) == 1 else 'do'} not belong here"]
        if said[True]
        else []
    )
    told = [f"A model that has not seen this row says {' and '.join(parts)}."] if parts else []
    told += [f"{_name(v.spelling)} is another spelling of {_name(v.name)} ({v.how})." for v in respelled]
    return " ".join(told)


def _name(value: Scalar) -> str:
    return shorten(repr(value), _WORD)


def _describe_sets(evidence: Evidence) -> str:
    sets, judged, reading = evidence.sets, evidence.judged_sets, evidence.reading
    how = "given" if evidence.settings.task else f"inferred: {reading.why}"
    parts = [f"multilabel ({how}), {len(sets.names)} classes judged one by one, {judged.note}"]
    parts += [evidence.group_note] if evidence.group_note else []
    if sets.separator is not None and evidence.settings.task:
        parts.append(f"classes separated by {sets.separator!r}")
    left = [sets.names[k] for k in range(len(sets.names)) if k not in set(sets.judged.tolist())]
    if left:
        parts.append(f"not judged were the classes that nearly all rows have or nearly none: {name_some(left)}")
    parts += count_unlabelled(len(sets.member) - len(sets.known), "set of classes")
    return "; ".join(parts)


def find_tags(evidence: Evidence) -> pd.DataFrame:
    """Find tokens whose tag contradicts out-of-sample predictions, or goes on with a chunk that has not begun."""
    from dcai.findings.labels.tokens import choose_tags

    sentences, judged = evidence.sentences, evidence.judged_tags
    labels = sentences.labels
    tokens = np.flatnonzero(judged.flagged)
    best = choose_tags(sentences, judged, tokens)
    names = np.array([*labels.names, None], dtype=object)[:-1]
    reasons = []
    for t, b in zip(tokens, best, strict=True):
        own = int(labels.codes[t])
        shown = shorten(sentences.show(int(t)), 6 * _WORD)
        shares = [show_share(judged.probabilities[t, k]) for k in (b, own)]
        says = f"a model that has not seen this sentence says {_name(names[b])} ({shares[0]}), not {_name(names[own])} ({shares[1]})"
        breaks = (
            f"; {_name(names[own])} goes on with a chunk that has not begun, so this tag or the one before it is wrong"
        )
        reasons.append(f"In “{shown}” {says}{breaks if judged.broken[t] else ''}.")
    return make_findings(
        sentences.row[tokens], judged.doubt[tokens], reasons, column=evidence.table.label, part=sentences.part[tokens],
        given=labels.given[tokens], suggested=names[best], confidence=np.clip(judged.noise.truth[tokens, best], 0.0, 1.0),
        note=_describe_tags(evidence),
    )  # fmt: skip


def _describe_tags(evidence: Evidence) -> str:
    sentences, judged, reading = evidence.sentences, evidence.judged_tags, evidence.reading
    how = "given" if evidence.settings.task else f"inferred: {reading.why}"
    noise = judged.noise
    parts = [
        f"token ({how}), {len(sentences.words):,} tokens in {sentences.column!r}, {len(sentences.labels.names)} tags, {judged.note}",
        f"predicts {show_share(noise.agreement)} of the tags out of sample, the commonest tag alone would {show_share(noise.commonest)}",
    ]
    parts += [evidence.group_note] if evidence.group_note else []
    if noise.weak:
        parts.append("WEAK: the words say little about these tags, so these findings are little more than guesses")
    parts += [judged.rule] if judged.rule else []
    return "; ".join([*parts, *count_unlabelled(len(evidence.table) - len(sentences.rows), "tags")])


def collect_parts(evidence: Evidence, back: Rows, index: pd.Index[Any]) -> dict[str, Any]:
    """Collect what stands beside the findings about labels with parts: probabilities and the number of errors."""
    from dcai.findings.labels.estimates import ErrorEstimate

    if evidence.task == "multilabel":
        sets, judged = evidence.sets, evidence.judged_sets
        columns = pd.Index(list(sets.names), dtype=object)
        return {
            "probabilities": pd.DataFrame(judged.probabilities[back], index=index, columns=columns),
            "expected_errors": ErrorEstimate(judged.estimate, judged.low, judged.high),
        }
    sentences, noise = evidence.sentences, evidence.judged_tags.noise
    row = evidence.positions[sentences.row]
    order = np.lexsort((sentences.part, row))
    columns = pd.Index(list(sentences.labels.names), dtype=object)
    long = pd.DataFrame(evidence.judged_tags.probabilities[order], columns=columns)
    long.insert(0, "row", row[order])
    long.insert(1, "part", sentences.part[order])
    return {"probabilities": long, "expected_errors": ErrorEstimate(noise.estimate, noise.low, noise.high)}
