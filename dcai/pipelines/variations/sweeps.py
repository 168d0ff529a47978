"""A sweep as a value: its runs, one table, one chart, the best one; while it is under way, how far it is."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from dcai.base import contract, display
from dcai.base.charts import OfflineChart
from dcai.base.errors import DcaiError, InputError, RunError
from dcai.base.records import RunRecord, RunStatus
from dcai.pipelines.archive import ledger
from dcai.pipelines.archive.journal import EXIT_CODES, add_up, read_journal
from dcai.pipelines.conditions.verdicts import is_number
from dcai.pipelines.processes.signals import Interruption, watch_signals
from dcai.pipelines.variations.single import Order

if TYPE_CHECKING:
    import pandas as pd

_PERIOD = 0.2
_COLUMNS = ("run", "status", "seconds", "cpu", "peak_memory", "error")
_MOST_ROWS = 100


class Sweep:
    """The runs of one pipeline with many sets of parameters.

    Attributes
    ----------
    pipeline, sweep : str
        The pipeline's name, and the sweep's own: its runs are named after it.
    orders : list of Order
        What was asked for, in the order given.
    records : list of RunRecord or None
        What became of each; None while it waits or runs, and where it was cancelled before it began.

    Examples
    --------
    >>> Sweep("train", "20260131T120000-000000-ab12cd", [], [])
    <Sweep of 'train': 0 of 0 runs done>
    """

    def __init__(
        self,
        pipeline: str,
        sweep: str,
        orders: list[Order],
        futures: Sequence[Any],
        close: Callable[[], None] | None = None,
    ) -> None:
        self.pipeline, self.sweep, self.orders = pipeline, sweep, orders
        self.records: list[RunRecord | None] = [None] * len(orders)
        self.problems: list[str] = [""] * len(orders)
        self._ends: list[RunStatus] = ["failed"] * len(orders)  # of those that have no record
        self._waiting = dict(enumerate(futures))
        self._lock, self._close = threading.Lock(), close

    # ------------------------------------------------------------ under way

    @property
    def is_done(self) -> bool:
        """Whether nothing waits or runs any more."""
        self._gather()
        return not self._waiting

    def wait(self, progress: Callable[[Sweep], None] | None = None) -> Sweep:
        """Wait for the last run.

        A signal (Ctrl-C, SIGTERM, a terminal that closes), or an error of `progress`, cancels what is left, and is raised
        when all has settled; a second signal does not wait for that.
        """
        with watch_signals() as interruption:
            try:
                while not self.is_done and interruption.received is None:
                    if progress is not None:
                        progress(self)
                    time.sleep(_PERIOD)
                if progress is not None and interruption.received is None:
                    progress(self)
            finally:
                was_cut = self._wind_up(interruption)
        if was_cut:
            interruption.raise_received()
        return self

    def _wind_up(self, interruption: Interruption) -> bool:
        """Cancel what has not ended yet, and wait until it has; False where all had."""
        self._gather()
        if not self._waiting:
            return False
        self.cancel()
        began = interruption.received is None

        def leave() -> None:
            nonlocal began
            if began:
                raise KeyboardInterrupt
            began = True

        interruption.listen(leave)
        while not self.is_done:
            time.sleep(_PERIOD)
        return True

    def cancel(self, run: str | None = None) -> None:
        """End every run, or one of them; its kernel is ended too, and its record says so.

        Parameters
        ----------
        run : str, optional
            The id of one run.

        Examples
        --------
        >>> Sweep("train", "20260131T120000-000000-ab12cd", [], []).cancel()
        """
        known = {o.run: o for o in self.orders}
        if run is not None and run not in known:
            raise InputError.unknown_name("run of this sweep", run, known)
        flags = [known[run].flags[1]] if run is not None else [o.flags[0] for o in self.orders[:1]]
        for flag in flags:
            flag.parent.mkdir(parents=True, exist_ok=True)
            flag.touch()

    def _gather(self) -> None:
        """Take what has come in; the last one cleans up."""
        with self._lock:
            for place in [p for p, future in self._waiting.items() if future.done()]:
                self._take(place, self._waiting.pop(place))
            if self._waiting or self._close is None:
                return
            close, self._close = self._close, None
        close()
        for order in self.orders[:1]:
            shutil.rmtree(order.flags[0].parent, ignore_errors=True)

    def _take(self, place: int, future: Any) -> None:
        order = self.orders[place]
        error = None if future.cancelled() else future.exception()
        if error is None and not future.cancelled():
            text = future.result()
            self.records[place] = None if text is None else contract.from_json(RunRecord, text)
            if text is None:
                self._ends[place], self.problems[place] = "interrupted", "It was cancelled before it began."
            return
        # A worker that is gone tells nothing, but the run's own folder may.
        folder = order.latest_folder
        if not isinstance(error, DcaiError) and (folder / ledger.RECORD).exists():
            self.records[place] = ledger.read_record(folder)
        self.problems[place] = "The cluster gave it up." if error is None else f"{error}" or type(error).__name__
        self._ends[place] = "invalid" if isinstance(error, InputError) else "failed"

    # ------------------------------------------------------------ what came of it

    @property
    def exit_code(self) -> int:
        """0 where every run succeeded, else the code of the first one that did not."""
        codes = [self.code_of(place) for place in range(len(self.orders))]
        return next((c for c in codes if c), 0)

    def code_of(self, place: int) -> int:
        """Return the exit code of one run."""
        one = self.records[place]
        if one is not None:
            # Its worker was given up while it was under way: how it ends, nobody here will learn.
            return EXIT_CODES["failed"] if one.status == "running" else one.exit_code
        return EXIT_CODES[self._ends[place]]

    def raise_problem(self, place: int) -> NoReturn:
        """Raise what kept one run from a record.

        Raises
        ------
        InputError
            It was refused.
        KeyboardInterrupt
            It was cancelled before it began.
        RunError
            Its process ended before it began, or the cluster gave it up.
        """
        match self._ends[place]:
            case "invalid":
                raise InputError(self.problems[place])
            case "interrupted":
                raise KeyboardInterrupt
        raise RunError(self.problems[place])

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each run: `run`, `status`, parameters, metrics, resources; and `cells` done of one that runs."""
        return [self._row(place, order) for place, order in enumerate(self.orders)]

    def _row(self, place: int, order: Order) -> dict[str, Any]:
        one = self.records[place]
        facts: dict[str, Any] = {
            "run": order.run,
            "status": "waiting",
            "parameters": dict(order.parameters),
            "metrics": {},
        }
        if one is not None:
            used = one.resources
            error = self.problems[place] if one.error is None else f"{one.error.error}: {one.error.message}"
            facts |= {"run": one.run, "status": one.status, "metrics": one.metrics, "error": error}
            facts |= {} if used is None else {"seconds": used.wall, "cpu": used.cpu, "peak_memory": used.peak_memory}
        elif place not in self._waiting:
            status = "cancelled" if self._ends[place] == "interrupted" else self._ends[place]
            facts |= {"status": status, "error": self.problems[place]}
        else:
            folder = order.latest_folder
            if (folder / ledger.JOURNAL).exists():
                tally = add_up(read_journal(folder / ledger.JOURNAL))
                facts |= {"status": "running", "cells": f"{tally.cells_done}/{tally.cells_total}"}
        return facts

    @property
    def table(self) -> pd.DataFrame:
        """One row for each run; parameters and metrics are columns `parameters.NAME` and `metrics.NAME`."""
        import pandas as pd

        rows = [
            {c: row.get(c) for c in _COLUMNS[:2]}
            | {f"parameters.{k}": v for k, v in row["parameters"].items()}
            | {f"metrics.{k}": v for k, v in row["metrics"].items()}
            | {c: row.get(c) for c in _COLUMNS[2:]}
            for row in self.rows()
        ]
        columns = dict.fromkeys([*_COLUMNS[:2], *(c for r in rows for c in r if c not in _COLUMNS), *_COLUMNS[2:]])
        return pd.DataFrame(rows, columns=list(columns))

    def best(self, metric: str, *, lowest: bool = False) -> RunRecord:
        """Return the record of the run that succeeded with the highest (or lowest) value of a metric; the first of equals.

        Parameters
        ----------
        metric : str
            A metric that the runs recorded.
        lowest : bool
            Whether less is better.

        Raises
        ------
        InputError
            No run that succeeded has recorded such a number.
        """
        good = [r for r in self.records if r is not None and r.status == "succeeded"]
        having = [r for r in good if is_number(r.metrics.get(metric))]
        if not having:
            known = sorted({m for r in good for m, v in r.metrics.items() if is_number(v)})
            raise InputError.unknown_name("metric of a run that succeeded", metric, known)
        return min(having, key=lambda r: r.metrics[metric] if lowest else -r.metrics[metric])

    def chart(self, metric: str | None = None, x: str | None = None) -> OfflineChart:
        """Draw a metric of the runs that succeeded against a parameter; a second one gives the colours.

        Parameters
        ----------
        metric : str, optional
            None takes the first one that was recorded.
        x : str, optional
            A parameter; None takes the first one that varies.
        """
        from dcai.pipelines.variations.sweep_charts import draw_sweep

        return draw_sweep(self, metric, x)

    def __repr__(self) -> str:
        done = len(self.orders) - len(self._waiting)
        return f"<Sweep of {self.pipeline!r}: {done} of {len(self.orders)} runs done>"

    def _repr_html_(self) -> str:
        rows = self.rows()
        number = {s: sum(r["status"] == s for r in rows) for s in dict.fromkeys(r["status"] for r in rows)}
        said = ", ".join(f"{n} {status}" for status, n in number.items())
        shown = [
            {"run": r["run"], "status": r["status"], "cells": r.get("cells", ""), "error": r.get("error", "")}
            | {k: f"{v:.6g}" if isinstance(v, float) else v for p in ("parameters", "metrics") for k, v in r[p].items()}
            for r in rows[:_MOST_ROWS]
        ]
        names = dict.fromkeys(k for r in shown for k in r if k not in ("run", "status", "cells", "error"))
        table = display.to_table(shown, ["run", "status", *names, "error"])
        more = f'<p class="muted">{len(rows) - _MOST_ROWS} more runs</p>' if len(rows) > _MOST_ROWS else ""
        title = f"<h3>Sweep of {display.escape(self.pipeline)}</h3>"
        return display.to_block(title, f'<p class="muted">{display.escape(said)}</p>', table, more)
