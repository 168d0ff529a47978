"""Labels that are probably wrong: classes by confident learning, numbers by their residuals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from dcai.base.display import show_share
from dcai.findings.evidence import Evidence
from dcai.findings.labels.amounts import find_amounts
from dcai.findings.labels.consensus import find_annotators
from dcai.findings.labels.estimates import judge_suggestions
from dcai.findings.labels.opinions import explain_opinion, form_opinion
from dcai.findings.labels.part_findings import find_sets, find_tags
from dcai.findings.shape import NOTE, Detector, make_findings
from dcai.findings.tables.imagery import say_lost
from dcai.findings.wording import count, count_unlabelled, name_some

Floats = npt.NDArray[np.float64]


def find(evidence: Evidence) -> pd.DataFrame:
    """Find labels that contradict out-of-sample predictions."""
    kinds = {"classification": _find_classes, "regression": find_amounts, "multilabel": find_sets, "token": find_tags}
    found = kinds[evidence.task](evidence)
    found.attrs[NOTE] = "; ".join(filter(None, [str(found.attrs.get(NOTE, "")), *_say_unread(evidence)]))
    return found


def _say_unread(evidence: Evidence) -> list[str]:
    """Name the columns that no model could look at."""
    settings = evidence.settings
    if settings.features is not None or settings.probabilities is not None:
        return []
    unread = [n for n in evidence.table.features if n not in evidence.roles and evidence.table.kinds[n] == "other"]
    said = [f"{count(len(unread), 'column')} of objects told the model nothing: {name_some(unread)}"] if unread else []
    named = find_annotators(evidence) if evidence.task == "classification" else []
    if named:
        said.append(
            f"{name_some(named)} hold the label's classes and agree with it far beyond chance: if they are annotators' labels, "
            "name them in annotators=...; here they are features"
        )
    return said + say_lost(evidence.table)


def score(evidence: Evidence) -> Floats:
    """Return the doubt of every label, NaN where there is none to doubt."""
    doubt = np.full(len(evidence.table), np.nan)
    doubt[evidence.known] = _score_known(evidence)[evidence.known]
    return doubt


def _score_known(evidence: Evidence) -> Floats:
    """Return the doubt of every label that is there."""
    if evidence.task == "classification":
        return form_opinion(evidence).doubt
    if evidence.task == "multilabel":
        return evidence.judged_sets.rows
    if evidence.task == "token":
        return evidence.judged_tags.worst(evidence.sentences, len(evidence.table))
    return evidence.amounts.doubt


def _find_classes(evidence: Evidence) -> pd.DataFrame:
    labels, noise, opinion = evidence.labels, evidence.noise, form_opinion(evidence)
    rows = np.flatnonzero(opinion.flagged)
    against = opinion.contradicted[rows]
    others = noise.truth[rows].copy()
    if against.any():
        others[against] = opinion.truth[rows[against]]
    others[np.arange(len(rows)), labels.codes[rows]] = -1.0
    best = others.argmax(axis=1)
    names = np.array([*labels.names, None], dtype=object)[:-1]
    judged = judge_suggestions(evidence.probabilities, labels.codes, rows, best)
    confidence = np.where(against, others[np.arange(len(rows)), best], 0.0 if noise.weak else judged)
    return make_findings(
        rows,
        opinion.doubt[rows],
        [explain_opinion(evidence, opinion, int(r), int(b)) for r, b in zip(rows, best, strict=True)],
        column=evidence.table.label,
        given=labels.given[rows],
        suggested=names[best],
        confidence=confidence,
        note=_describe_classes(evidence),
    )


def _describe_classes(evidence: Evidence) -> str:
    labels = evidence.labels
    parts = [f"classification ({_origin(evidence)}), {len(labels.names)} classes, {evidence.model_note}"]
    noise = evidence.noise
    parts.append(
        f"predicts {show_share(noise.agreement)} of the labels out of sample, the commonest class alone would {show_share(noise.commonest)}"
    )
    if noise.weak:
        parts.append("WEAK: the columns say little about this label, so these findings are little more than guesses")
    if noise.settled:
        parts.append(
            "SETTLED: so few labels are not foretold that, were columns made from them, wrong ones would look right"
        )
    parts += count_unlabelled(len(labels.codes) - len(labels.known))
    alone = int((labels.counts == 1).sum())
    if alone:
        parts.append(
            f"{alone:,} {'class occurs' if alone == 1 else 'classes occur'} in one row only, which was not judged"
        )
    rare = [(labels.names[i], int(c)) for i, c in enumerate(labels.counts) if 1 < c < evidence.settings.folds]
    if rare:
        some = ", ".join(f"{name!r} ({rows})" for name, rows in rare[:5])
        has, its = ("class has", "its") if len(rare) == 1 else ("classes have", "their")
        parts.append(f"{len(rare):,} {has} fewer rows than folds, so {its} labels are judged poorly: {some}")
    return "; ".join(parts)


def _origin(evidence: Evidence) -> str:
    return "given" if evidence.settings.task else "inferred"


detector = Detector("labels", find, needs=("task",), score=score)
