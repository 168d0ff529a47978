"""What cells put out: masked, counted, and on disk at once, so that a killed runner loses none of it."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from dcai.base import store
from dcai.base.errors import RunError
from dcai.pipelines.masking import Masker

# Bytes of output that a run may make by default; what is more than that is a loop that nobody meant.
MOST_OUTPUT = 512 * 2**20
# Messages of a kernel that say nothing about what a cell puts out.
_SILENT = frozenset({"status", "execute_input"})


class OutputLimitError(RunError):
    """A run has put out more than it may."""


@dataclass(frozen=True)
class Streams:
    """Where papermill's caller wants the text output of cells besides the notebook."""

    stdout: Any = None
    stderr: Any = None
    log: bool = False

    def pass_on(self, output: Any) -> None:
        """Write one output of a cell to the streams that are there."""
        if output is None or output.output_type != "stream":
            return
        target = self.stdout if output.name == "stdout" else self.stderr
        if target is not None:
            target.write(output.text)
            target.flush()
        if self.log:
            from papermill.log import logger

            logger.info(output.text)


class OutputLog:
    """A file of the notebook as it was begun, and of each message that changed a cell; gone when the run is saved.

    Examples
    --------
    >>> OutputLog(None).append(0, {"msg_type": "stream", "content": {"name": "stdout", "text": "1"}})
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._stream: TextIO | None = None

    def begin(self, notebook: Mapping[str, Any]) -> None:
        """Write down the notebook that is about to be executed."""
        if self.path is not None:
            self._stream = self.path.open("w", encoding="utf-8", newline="\n")
            self._write({"notebook": notebook})

    def append(self, cell: int, message: Mapping[str, Any]) -> None:
        """Write down one message; it is out of this process when this returns."""
        if self._stream is not None and message["msg_type"] not in _SILENT:
            self._write({"cell": cell, "msg_type": message["msg_type"], "content": message["content"],
                         "metadata": message.get("metadata", {})})  # fmt: skip

    def mark(self, cell: int, facts: Mapping[str, Any]) -> None:
        """Write down what the metadata of a cell say of its execution."""
        if self._stream is not None:
            self._write({"cell": cell, "papermill": facts})

    def _write(self, line: Mapping[str, Any]) -> None:
        assert self._stream is not None
        try:
            self._stream.write(json.dumps(line, ensure_ascii=True) + "\n")
            self._stream.flush()
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, which stays."""
        stream, self._stream = self._stream, None
        if stream is not None:
            try:
                stream.close()
            except OSError:
                return  # what it still held was the line that has failed already

    def discard(self) -> None:
        """Remove the file: what it holds has been saved elsewhere."""
        self.close()
        if self.path is not None:
            self.path.unlink(missing_ok=True)


@dataclass
class Tap:
    """What every message of a kernel passes before it becomes an output; `fault` is told what went wrong with it."""

    masker: Masker = field(default_factory=Masker)
    log: OutputLog = field(default_factory=lambda: OutputLog(None))
    streams: Streams = field(default_factory=Streams)
    limit: int = MOST_OUTPUT
    fault: Callable[[Exception], None] | None = None
    size: int = 0
    rest: dict[str, Any] | None = None  # what still fits of the message that went beyond the limit

    def take(self, message: dict[str, Any], cell: int) -> dict[str, Any]:
        """Mask one message, count it and write it down."""
        if message["msg_type"] in _SILENT:
            return message
        if self.masker.pattern is not None:
            message["content"] = self.masker.mask(message["content"])
            message["buffers"] = [self.masker.mask_bytes(b) for b in message.get("buffers", [])]
        room = self.limit - self.size
        self.size += _size_of(message["content"])
        if self.size > self.limit:
            if room > 0 and message["msg_type"] == "stream":  # its beginning shows what the cell was at
                cut = {**message["content"], "text": message["content"]["text"][:room]}
                self.log.append(cell, {**message, "content": cut})
                self.rest = {**message, "content": cut}
            raise OutputLimitError(
                f"The cells have put out more than {self.limit:,} bytes. Write large data to a file: dcai.artifact(name)."
            )
        self.log.append(cell, message)
        return message


def _size_of(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    if isinstance(value, Mapping):
        return sum(map(_size_of, value.values()))
    return sum(map(_size_of, value)) if isinstance(value, list) else 8


def make_client(notebook: Any, kernel: str, tap: Tap) -> Any:
    """Return nbclient's client for a notebook, with every output passing the tap."""
    from nbclient import NotebookClient

    class Client(NotebookClient):  # type: ignore[misc]  # nbclient has no type hints that mypy follows
        """nbclient's client; a message that cannot be kept is told at once, not when its cell ends."""

        def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
            message: dict[str, Any] | None
            try:
                message = tap.take(msg, cell_index)
            except (OSError, OutputLimitError) as error:
                if tap.fault is None:
                    raise
                tap.fault(error)
                message, tap.rest = tap.rest, None
                if message is None:
                    return None
            output = super().process_message(message, cell, cell_index)
            tap.streams.pass_on(output)
            return output

    # Limits of time are the execution's: nbclient's stop watching the kernel when they strike. Its patience with
    # outputs that come in after a cell's end is too short for large ones, which it would leave out.
    return Client(notebook, kernel_name=kernel, timeout=None, allow_errors=False, iopub_timeout=30)


def join_streams(notebook: Any, masker: Masker) -> None:
    """Mask secrets that a cell has put out piece by piece: texts that follow each other are read as one."""
    if masker.pattern is None:
        return
    for cell in notebook.cells:
        outputs: list[Any] = []
        for one in cell.get("outputs", []):
            last = outputs[-1] if outputs else None
            if last is not None and one.output_type == last.output_type == "stream" and one.name == last.name:
                joined = last.text + one.text
                if masker.text(joined) != masker.text(last.text) + masker.text(one.text):
                    last.text = masker.text(joined)
                    continue
            outputs.append(one)
        if "outputs" in cell:
            cell.outputs = outputs


def rebuild(path: Path) -> Any:
    """Return the notebook that the log of a killed run adds up to; None where there is no such log.

    Examples
    --------
    >>> rebuild(Path("absent.jsonl"))
    """
    import nbformat
    from nbclient.exceptions import CellExecutionComplete

    lines = _read_lines(path)
    if not lines or "notebook" not in lines[0]:
        return None
    notebook = nbformat.from_dict(lines[0]["notebook"])
    client = make_client(notebook, "", Tap(limit=2**62))
    client.clear_before_next_output = False
    for line in lines[1:]:
        cell = notebook.cells[line["cell"]]
        if "papermill" in line:
            cell.metadata["papermill"] = nbformat.from_dict(line["papermill"])
            client.clear_before_next_output = False  # a cell that begins, or is over
            continue
        cell.metadata.setdefault("execution", {})
        message = {**line, "header": {"msg_type": line["msg_type"]}, "parent_header": {}, "buffers": []}
        try:
            client.process_message(message, cell, line["cell"])
        except CellExecutionComplete:
            continue
    client.set_widgets_metadata()
    return notebook


def _read_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON Lines up to the first that is torn."""
    found: list[dict[str, Any]] = []
    if path.is_file():
        with path.open(encoding="utf-8") as stream, contextlib.suppress(ValueError):
            found.extend(map(json.loads, stream))
    return found


def save_rebuilt(log: Path, target: Path) -> bool:
    """Save what the log of a killed run adds up to as its notebook, and remove the log; False where there is none."""
    from dcai.pipelines.documents import write_notebook

    notebook = rebuild(log)
    if notebook is None:
        return False
    for cell in notebook.cells:
        facts = cell.metadata.get("papermill", {})
        if facts.get("status") == "running":
            facts |= {"status": "failed", "exception": True}
    notebook.metadata.setdefault("papermill", {})["exception"] = True
    store.write_atomic(target, write_notebook(notebook))
    log.unlink(missing_ok=True)
    return True
