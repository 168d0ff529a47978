"""How quick the review is in a real browser: first paint, a verdict's feedback, and when it is saved, in a large queue.

    python tests/benchmarks/bench_review.py [ROWS] [FINDINGS] [DECISIONS] [LINES]
    python tests/benchmarks/bench_review.py --python [ROWS] [FINDINGS] [DECISIONS] [LINES]

A table of ROWS rows (default 1,000,000) with FINDINGS findings (default 100,000) is reviewed by keyboard in JupyterLab.
Printed are the median and the 95th percentile of DECISIONS (default 150) decisions: `next row` is the time from the key to
the frame that shows the next card, `saved` the time until the page shows the decision as saved, which it is on disk then.
The log holds LINES decisions of another reviewer before (default 0), about the least doubted findings.

With `--python` no browser is opened: the widget's answers alone are timed, with the disk, for every kind of message, after
another process has appended to the log too.
"""

from __future__ import annotations

import contextlib
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # run as a script

from playwright.sync_api import sync_playwright

from tests.browser.serving import BROWSER_OPTIONS, serve_lab
from tests.browser.steps import Lab, open_notebook, write_notebook
from tools.browser import find_installed

MAKE = """
import time
from dataclasses import dataclass
import numpy as np, pandas as pd, dcai
from dcai.base.table import make_table
rows, found = {rows}, {found}
rng = np.random.default_rng(0)
classes = np.array([f"class {{i}}" for i in range(10)])
frame = pd.DataFrame({{
    "id": np.arange(rows), "amount": rng.normal(size=rows), "weight": rng.normal(size=rows), "age": rng.integers(0, 99, rows),
    "town": classes[rng.integers(0, 10, rows)], "remark": np.char.add("a remark about number ", np.arange(rows).astype(str)),
    "y": classes[rng.integers(0, 10, rows)],
}})
chances = pd.DataFrame(rng.dirichlet(np.ones(10), rows), columns=classes)
places = np.sort(rng.choice(rows, found, replace=False))
findings = pd.DataFrame({{
    "finding": [f"f{{i:07d}}" for i in range(found)], "row": places, "key": [{{"id": int(p)}} for p in places], "part": None,
    "column": "y", "detector": "labels", "doubt": np.linspace(1, 0.3, found), "given": frame["y"].to_numpy()[places],
    "suggested": classes[chances.to_numpy()[places].argmax(axis=1)], "confidence": 0.9, "reason": "A model says otherwise.",
    "peers": [[] for _ in places],
}})
@dataclass(frozen=True)
class Found:
    table: object
    findings: pd.DataFrame
    probabilities: pd.DataFrame
    hash: str = "0" * 32
audit = Found(make_table(frame, "y", key="id"), findings, chances)
audit.table.kinds, audit.table.row_hashes, audit.table.label_hashes  # an audit has made these
print("ready")
"""
# Another reviewer has decided before, about findings from the end of the queue; one write, so that it takes no hour.
DECIDED = """
if {lines}:
    dcai.Review(audit, "corrections/y.jsonl", by="eve")._decide_all(
        [(name, "keep", None, None) for name in findings["finding"].iloc[-{lines}:]])
"""
REVIEW = """
start = time.perf_counter()
widget = dcai.review(audit, "corrections/y.jsonl", by="ada")
print(f"made {time.perf_counter() - start:.3f}")
widget
"""
# Keys, frames and states are timed by the page itself, so that the time of the test's own messages is not counted.
CLOCK = """() => {
  const clock = { keys: [], shown: [], saved: [], begun: null, painted: null };
  window.clock = clock;
  const frame = then => requestAnimationFrame(() => setTimeout(() => then(performance.now())));
  window.addEventListener('keydown', ev => ev.key === 'q' && clock.keys.push(performance.now()), { capture: true });
  let row = '';
  let count = '0';
  new MutationObserver(() => {
    const root = document.querySelector('.dcai-review');
    if (!root) return;
    clock.begun ??= performance.now();
    const head = root.querySelector('.dcai-review-head strong')?.textContent ?? '';
    if (head && head !== row) {
      const first = row === '';
      row = head;
      frame(now => { if (first) clock.painted = now; else clock.shown.push(now); });
    }
    const decided = root.querySelector('.dcai-review-count strong')?.textContent ?? '0';
    // What was decided before stands in the header with the first card.
    if (clock.painted === null) {
      count = decided;
    } else if (decided !== count) {
      const more = Number(decided.replaceAll(',', '')) - Number(count.replaceAll(',', ''));
      count = decided;
      frame(now => clock.saved.push(...Array(more).fill(now)));
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


def run_cell(page: Any, number: int) -> None:
    """Run a cell by keyboard."""
    page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")


def measure(lab: Lab, page: Any, make: str, decisions: int, pause: int) -> dict[str, Any]:
    """Review by keyboard, and return the times in milliseconds."""
    notebook = write_notebook(lab.root / "bench.ipynb", make, REVIEW)
    open_notebook(page, lab, notebook)
    run_cell(page, 0)
    page.get_by_text("ready", exact=True).wait_for(timeout=600_000)
    page.evaluate(CLOCK)
    run_cell(page, 1)
    page.locator(".dcai-review-reason").wait_for(timeout=120_000)
    made = page.locator(".jp-OutputArea-output", has_text="made ").inner_text()
    page.locator(".dcai-review").focus()
    page.wait_for_timeout(1500)
    for _ in range(decisions):
        page.keyboard.press("q")
        page.wait_for_timeout(pause)
    page.wait_for_function(f"window.clock.saved.length >= {decisions}", timeout=120_000)
    clock = page.evaluate("window.clock")
    return {
        "made": 1000 * float(made.split()[1]),
        "first": clock["painted"] - clock["begun"],
        "shown": [s - k for k, s in zip(clock["keys"], clock["shown"], strict=False)],
        "saved": [s - k for k, s in zip(clock["keys"], clock["saved"], strict=False)],
    }


def write_make(rows: int, found: int, lines: int) -> str:
    """Write the code that makes the data, the findings and the log."""
    made = MAKE.format(rows=rows, found=found)
    return made.replace('print("ready")', DECIDED.format(lines=lines) + 'print("ready")')


class Timer:
    """A widget whose answers are timed."""

    def __init__(self, audit: Any, by: str) -> None:
        import dcai

        start = time.perf_counter()
        self.widget = dcai.review(audit, "corrections/y.jsonl", by=by)
        self.widget.send = lambda content, buffers=None: self.heard.append(content)
        self.heard: list[Any] = []
        self.opened = 1000 * (time.perf_counter() - start)
        self.sent = 0

    def tell(self, **content: Any) -> float:
        """Send one message, and return the milliseconds until it was answered."""
        self.sent += 1
        start = time.perf_counter()
        self.widget._handle_custom_msg({"seq": self.sent, **content}, [])
        took = 1000 * (time.perf_counter() - start)
        if self.heard[-1].get("error"):
            raise RuntimeError(self.heard[-1]["error"])
        return took

    def decide(self, verdict: str, finding: str = "", **fields: Any) -> float:
        """Decide as a key does."""
        return self.tell(client_id=f"c{self.sent}", finding=finding, verdict=verdict, **fields)


def time_messages(rows: int, found: int, decisions: int, lines: int) -> dict[str, list[float]]:
    """Return the milliseconds that each kind of message took."""
    space: dict[str, Any] = {}
    exec(write_make(rows, found, lines), space)
    audit, names = space["audit"], [str(n) for n in space["findings"]["finding"]]
    mine = Timer(audit, "ada")
    part, rest = names[:decisions], names[decisions : 2 * decisions]
    times = {"open": [mine.opened], "card": [mine.tell(ask="card", finding=n) for n in part]}
    times["keep (q)"] = [mine.decide("keep", n) for n in part]
    times["take the suggestion (w)"] = [mine.decide("relabel", n, value="class 1", column="y") for n in rest]
    times["undo"] = [mine.decide("undo") for _ in part]
    times["redo"] = [mine.decide("redo") for _ in part]
    other = Timer(audit, "bob")
    after = []
    for mark, name in enumerate(names[2 * decisions : 2 * decisions + 20]):
        other.decide("keep", names[3 * decisions + mark])
        after.append(mine.decide("keep", name))
    times["keep, after another's line"] = after
    times["terms"] = [mine.tell(ask="terms")]
    return times


def main_python(rows: int = 1_000_000, found: int = 100_000, decisions: int = 100, lines: int = 50_000) -> None:
    """Measure without a browser, and print one table."""
    with tempfile.TemporaryDirectory() as home, contextlib.chdir(home):
        times = time_messages(rows, found, decisions, lines)
    print(f"{rows:,} rows, {found:,} findings, a log of {lines:,} lines; milliseconds")
    print(f"{'':28}{'p50':>8}{'p95':>8}{'largest':>9}")
    for name, took in times.items():
        late = statistics.quantiles(took, n=20)[-1] if len(took) > 1 else took[0]
        print(f"{name:28}{statistics.median(took):8.1f}{late:8.1f}{max(took):9.1f}")


def main(rows: int = 1_000_000, found: int = 100_000, decisions: int = 150, lines: int = 0) -> None:
    """Measure, and print one table."""
    with tempfile.TemporaryDirectory() as home, serve_lab(Path(home)) as lab, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_installed(), args=BROWSER_OPTIONS)
        context = browser.new_context(
            viewport={"width": 1280, "height": 900}, extra_http_headers={"Authorization": f"token {lab.token}"}
        )
        times = measure(lab, context.new_page(), write_make(rows, found, lines), decisions, 250)
        browser.close()
    print(f"{rows:,} rows, {found:,} findings, {lines:,} lines, {len(times['saved'])} decisions; milliseconds")
    print(f"{'':24}{'p50':>8}{'p95':>8}")
    print(f"{'dcai.review(audit)':24}{times['made']:8.0f}")
    print(f"{'first paint':24}{times['first']:8.0f}")
    for name, label in (("shown", "key to next row"), ("saved", "key to saved")):
        cuts = statistics.quantiles(times[name], n=20)
        print(f"{label:24}{statistics.median(times[name]):8.0f}{cuts[-1]:8.0f}")


if __name__ == "__main__":
    words = [word for word in sys.argv[1:] if word != "--python"]
    run = main_python if "--python" in sys.argv else main
    run(*(int(word.replace("_", "").replace(",", "")) for word in words))
