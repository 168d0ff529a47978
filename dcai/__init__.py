"""dcai: data-centric AI in the notebook. Hold the model fixed, improve the data, prove it, promote it.

The code reads in the order of the data's way:

1. `dcai.base`: errors, records, tables and fingerprints, files, git. It knows nothing of data-centric AI.
2. `dcai.findings`: `audit` asks detectors what is wrong and accounts for each of them.
3. `dcai.corrections`: `Review` turns findings into decisions, `CorrectionLog` keeps and applies them.
4. `dcai.experiments`: `compare` proves on held-out rows whether the corrections helped, `curve` what more rows and
   reviews are worth; `drift` names what changed, `slices` where a model fails, `scorecard` and `profile` tell the state
   of the data; `plant` makes known errors.
5. `dcai.pipelines`: `promote` makes a pipeline of a notebook, `run` executes it and tells the truth, `history` remembers.
6. `dcai.shells`: the command line, the JupyterLab server extension and the review widget; thin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcai.base.errors import DcaiError
    from dcai.corrections.log import CorrectionLog
    from dcai.corrections.session import Review
    from dcai.experiments.comparison import compare
    from dcai.experiments.curves import Curve
    from dcai.experiments.dictionaries import Profile, profile
    from dcai.experiments.drifts import Drift
    from dcai.experiments.gatherings import ComparisonSet
    from dcai.experiments.learning import curve
    from dcai.experiments.outcomes import Comparison
    from dcai.experiments.partitions import slices
    from dcai.experiments.planting import plant
    from dcai.experiments.scorecards import Scorecard, scorecard
    from dcai.experiments.segments import Slices
    from dcai.experiments.shifts import drift
    from dcai.findings.report import Audit, audit
    from dcai.pipelines.differences import diff
    from dcai.pipelines.lineage import impact, trace
    from dcai.pipelines.lineage_graph import Lineage
    from dcai.pipelines.notebook import artifact, record, stop
    from dcai.pipelines.pipeline import Pipeline, promote
    from dcai.pipelines.pool import KernelPool
    from dcai.pipelines.reproduction import reproduce
    from dcai.pipelines.runs import History, Run, history, run
    from dcai.pipelines.sweeping import sweep
    from dcai.pipelines.sweeps import Sweep
    from dcai.pipelines.tags import go_back, tag
    from dcai.pipelines.triggers import due
    from dcai.shells.widget import review

__version__ = "0.1.0"

# Each public name and the module that makes it, loaded on first use: `import dcai` itself loads nothing heavy.
_HOMES = {
    "DcaiError": "dcai.base.errors",
    "Audit": "dcai.findings.report",
    "audit": "dcai.findings.report",
    "CorrectionLog": "dcai.corrections.log",
    "Review": "dcai.corrections.session",
    "Comparison": "dcai.experiments.outcomes",
    "ComparisonSet": "dcai.experiments.gatherings",
    "Curve": "dcai.experiments.curves",
    "compare": "dcai.experiments.comparison",
    "curve": "dcai.experiments.learning",
    "Drift": "dcai.experiments.drifts",
    "Profile": "dcai.experiments.dictionaries",
    "Scorecard": "dcai.experiments.scorecards",
    "Slices": "dcai.experiments.segments",
    "drift": "dcai.experiments.shifts",
    "plant": "dcai.experiments.planting",
    "profile": "dcai.experiments.dictionaries",
    "scorecard": "dcai.experiments.scorecards",
    "slices": "dcai.experiments.partitions",
    "Pipeline": "dcai.pipelines.pipeline",
    "promote": "dcai.pipelines.pipeline",
    "History": "dcai.pipelines.runs",
    "KernelPool": "dcai.pipelines.pool",
    "Lineage": "dcai.pipelines.lineage_graph",
    "Run": "dcai.pipelines.runs",
    "artifact": "dcai.pipelines.notebook",
    "diff": "dcai.pipelines.differences",
    "due": "dcai.pipelines.triggers",
    "go_back": "dcai.pipelines.tags",
    "history": "dcai.pipelines.runs",
    "impact": "dcai.pipelines.lineage",
    "record": "dcai.pipelines.notebook",
    "reproduce": "dcai.pipelines.reproduction",
    "run": "dcai.pipelines.runs",
    "stop": "dcai.pipelines.notebook",
    "Sweep": "dcai.pipelines.sweeps",
    "sweep": "dcai.pipelines.sweeping",
    "tag": "dcai.pipelines.tags",
    "trace": "dcai.pipelines.lineage",
    "review": "dcai.shells.widget",
}

__all__ = [
    "Audit",
    "Comparison",
    "ComparisonSet",
    "CorrectionLog",
    "Curve",
    "DcaiError",
    "Drift",
    "History",
    "KernelPool",
    "Lineage",
    "Pipeline",
    "Profile",
    "Review",
    "Run",
    "Scorecard",
    "Slices",
    "Sweep",
    "__version__",
    "artifact",
    "audit",
    "compare",
    "curve",
    "detectors",
    "diff",
    "drift",
    "due",
    "go_back",
    "history",
    "impact",
    "plant",
    "profile",
    "promote",
    "record",
    "reproduce",
    "review",
    "run",
    "scorecard",
    "slices",
    "stop",
    "sweep",
    "tag",
    "trace",
]


def __getattr__(name: str) -> Any:
    if name == "detectors":
        value: Any = import_module("dcai.findings.detectors")
    elif name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'dcai' has no attribute {name!r}. Public names: {', '.join(__all__)}.")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "shells/_built/labextension", "dest": "dcai"}]


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "dcai.shells.server"}]
