"""dcai: data-centric AI in the notebook. Hold the model fixed, improve the data, prove it, promote it.

The code reads in the order of the data's way:

1. `dcai.base`: errors, records, tables and fingerprints, files, git. It knows nothing of data-centric AI.
2. `dcai.findings`: `audit` asks detectors what is wrong and accounts for each of them.
3. `dcai.corrections`: `Review` turns findings into decisions, `CorrectionLog` keeps and applies them.
4. `dcai.experiments`: `compare` proves on held-out rows whether the corrections helped; `plant` makes known errors.
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
    from dcai.experiments.comparison import Comparison, compare
    from dcai.experiments.planting import plant
    from dcai.findings.report import Audit, audit
    from dcai.pipelines.notebook import artifact, record, stop
    from dcai.pipelines.pipeline import Pipeline, promote
    from dcai.pipelines.runs import History, Run, history, run
    from dcai.shells.widget import review

__version__ = "0.1.0"

# Each public name and the module that makes it, loaded on first use: `import dcai` itself loads nothing heavy.
_HOMES = {
    "DcaiError": "dcai.base.errors",
    "Audit": "dcai.findings.report",
    "audit": "dcai.findings.report",
    "CorrectionLog": "dcai.corrections.log",
    "Review": "dcai.corrections.session",
    "Comparison": "dcai.experiments.comparison",
    "compare": "dcai.experiments.comparison",
    "plant": "dcai.experiments.planting",
    "Pipeline": "dcai.pipelines.pipeline",
    "promote": "dcai.pipelines.pipeline",
    "History": "dcai.pipelines.runs",
    "Run": "dcai.pipelines.runs",
    "artifact": "dcai.pipelines.notebook",
    "history": "dcai.pipelines.runs",
    "record": "dcai.pipelines.notebook",
    "run": "dcai.pipelines.runs",
    "stop": "dcai.pipelines.notebook",
    "review": "dcai.shells.widget",
}

__all__ = [
    "Audit",
    "Comparison",
    "CorrectionLog",
    "DcaiError",
    "History",
    "Pipeline",
    "Review",
    "Run",
    "__version__",
    "artifact",
    "audit",
    "compare",
    "detectors",
    "history",
    "plant",
    "promote",
    "record",
    "review",
    "run",
    "stop",
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
