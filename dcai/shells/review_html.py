"""The review as a still page: what notebooks that run without a person, exports and places without widgets show."""

from __future__ import annotations

from dcai.base.display import escape, to_block, to_table
from dcai.base.records import Outlook, Terms
from dcai.corrections.reviews.terms import mask_item, mask_terms
from dcai.corrections.session import Review

SHOWN = 20


def write_review(session: Review, outlook: Outlook) -> str:
    """Write how far a review is, by what the findings were found by, and its first findings, as escaped HTML."""
    p = session.progress
    if not p.total:
        return to_block("<h3>Review</h3><p>There is nothing to review.</p>")
    head = f"{p.decided:,} of {p.total:,} findings decided, {p.left:,} left."
    if outlook.errors is not None:
        head += f" About {outlook.errors:,.0f} wrong labels are left ({outlook.low:,.0f} to {outlook.high:,.0f})."
    # A saved page goes where the review does not: what seems to be personal data is hidden here, marked or not.
    hidden = frozenset(getattr(session.audit, "masked", None) or ())
    terms = mask_terms(session.terms, session.cautions) if session.table.label in hidden else session.terms
    items = [mask_item(item, hidden) for item in session.items(range(min(SHOWN, p.total)))]
    rows = [
        {
            "row": item.row, "what": item.detector, "column": item.column, "given": item.given,
            "suggested": item.suggested, "doubt": f"{item.doubt:.2f}", "decided": item.decided,
        }
        for item in items
    ]  # fmt: skip
    rest = f"<p class='muted'>The first {len(rows)} of {p.total:,} findings.</p>" if p.total > len(rows) else ""
    return to_block(
        "<h3>Review</h3>",
        f"<p>{head}</p>",
        to_table(
            _count_by_detector(session), ["found by", "findings", "decided", "left"], ("findings", "decided", "left")
        ),
        to_table(rows, list(rows[0]), ("row", "doubt")),
        rest,
        *_tell_terms(terms),
        *(f"<p>{escape(said)}</p>" for said in (() if p.left else session.people)),
        f"<p class='muted'>Decisions are in {escape(p.saved_to)}. To decide, run this cell in JupyterLab or Notebook 7.</p>",
    )


def _tell_terms(terms: Terms) -> list[str]:
    """Write what the classes mean, which of them are not clearly told apart, and how far reviewers agree."""
    parts = []
    if terms.definitions:
        rows = [
            {
                "class": d.name, "meaning": d.meaning, "examples": "; ".join(d.examples), "borderline": "; ".join(d.borderline),
            }
            for d in terms.definitions
        ]  # fmt: skip
        parts += [
            "<h3>What the classes mean</h3>",
            to_table(rows, list(rows[0]), wide=("meaning", "examples", "borderline")),
        ]
    parts += [f"<p class='warn'>{escape(remark, 2000)}</p>" for remark in terms.remarks]
    return parts + ([f"<p>{escape(terms.agreement)}</p>"] if terms.agreement else [])


def _count_by_detector(session: Review) -> list[dict[str, object]]:
    names = session.queue()["detector"]
    decided = names.iloc[list(session.verdicts())].value_counts()
    counts = [(str(name), int(found), int(decided.get(name, 0))) for name, found in names.value_counts().items()]
    return [
        {"found by": name, "findings": found, "decided": done, "left": found - done}
        for name, found, done in sorted(counts, key=lambda c: (-c[1], c[0]))
    ]
