"""dcai: data-centric AI in the notebook. Hold the model fixed, improve the data, prove it, promote it.

The code reads in the order of the data's way:

1. `dcai.base`: errors, records, tables and fingerprints, files, git. It knows nothing of data-centric AI.
2. `dcai.findings`: `audit` asks detectors what is wrong and accounts for each of them.
3. `dcai.corrections`: `Review` turns findings into decisions, `CorrectionLog` keeps and applies them.
4. `dcai.experiments`: `compare` proves on held-out rows whether the corrections helped, `curve` what more rows and
   reviews are worth; `drift` names what changed, `slices` where a model fails, `scorecard` and `profile` tell the state
   of the data; `plant` makes known errors, `save_model` keeps a model with its card.
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
    from dcai.experiments.batches.drifts import Drift
    from dcai.experiments.comparison import compare
    from dcai.experiments.dictionaries import Profile, profile
    from dcai.experiments.failures.partitions import slices
    from dcai.experiments.failures.segments import Slices
    from dcai.experiments.planting import plant
    from dcai.experiments.prospects.curves import Curve
    from dcai.experiments.prospects.learning import curve
    from dcai.experiments.results.gatherings import ComparisonSet
    from dcai.experiments.results.grades import Scorecard
    from dcai.experiments.results.outcomes import Comparison
    from dcai.experiments.saving import save_model
    from dcai.experiments.scorecards import scorecard
    from dcai.experiments.shifts import drift
    from dcai.findings.report import Audit, audit
    from dcai.pipelines.archive.differences import diff
    from dcai.pipelines.archive.tags import go_back, tag
    from dcai.pipelines.lineage import impact, trace
    from dcai.pipelines.origins.lineage_graph import Lineage
    from dcai.pipelines.pipeline import Pipeline, promote
    from dcai.pipelines.processes.pool import KernelPool
    from dcai.pipelines.reproduction import reproduce
    from dcai.pipelines.runs import History, Run, history, run
    from dcai.pipelines.runtime.notebook import artifact, record, stop
    from dcai.pipelines.triggers import due
    from dcai.pipelines.variations.sweeping import sweep
    from dcai.pipelines.variations.sweeps import Sweep
    from dcai.shells.widget import review

__version__ = "0.1.0"

# Each public name and the module that makes it, loaded on first use: `import dcai` itself loads nothing heavy.
_HOMES = {
    "DcaiError": "dcai.base.errors",
    "Audit": "dcai.findings.report",
    "audit": "dcai.findings.report",
    "CorrectionLog": "dcai.corrections.log",
    "Review": "dcai.corrections.session",
    "Comparison": "dcai.experiments.results.outcomes",
    "ComparisonSet": "dcai.experiments.results.gatherings",
    "Curve": "dcai.experiments.prospects.curves",
    "compare": "dcai.experiments.comparison",
    "curve": "dcai.experiments.prospects.learning",
    "Drift": "dcai.experiments.batches.drifts",
    "Profile": "dcai.experiments.dictionaries",
    "Scorecard": "dcai.experiments.results.grades",
    "Slices": "dcai.experiments.failures.segments",
    "drift": "dcai.experiments.shifts",
    "plant": "dcai.experiments.planting",
    "save_model": "dcai.experiments.saving",
    "profile": "dcai.experiments.dictionaries",
    "scorecard": "dcai.experiments.scorecards",
    "slices": "dcai.experiments.failures.partitions",
    "Pipeline": "dcai.pipelines.pipeline",
    "promote": "dcai.pipelines.pipeline",
    "History": "dcai.pipelines.runs",
    "KernelPool": "dcai.pipelines.processes.pool",
    "Lineage": "dcai.pipelines.origins.lineage_graph",
    "Run": "dcai.pipelines.runs",
    "artifact": "dcai.pipelines.runtime.notebook",
    "diff": "dcai.pipelines.archive.differences",
    "due": "dcai.pipelines.triggers",
    "go_back": "dcai.pipelines.archive.tags",
    "history": "dcai.pipelines.runs",
    "impact": "dcai.pipelines.lineage",
    "record": "dcai.pipelines.runtime.notebook",
    "reproduce": "dcai.pipelines.reproduction",
    "run": "dcai.pipelines.runs",
    "stop": "dcai.pipelines.runtime.notebook",
    "Sweep": "dcai.pipelines.variations.sweeps",
    "sweep": "dcai.pipelines.variations.sweeping",
    "tag": "dcai.pipelines.archive.tags",
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
    "save_model",
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
