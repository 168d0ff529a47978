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
# Characters of an output that are left at the least where there is no room for all.
_SHORTEST_SHARE = 200
# Seconds within which a cell's last output has to come in after its end.
_LATEST_OUTPUT = 120
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
    held: dict[str, dict[str, Any]] = field(default_factory=dict)  # by stream, what may be the beginning of a secret

    def unveil(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        """Return a message with its secrets masked, after what was held back where that is no secret after all.

        A secret may come in pieces, and a piece that is written down cannot be taken back when the runner is killed.
        """
        if self.masker.pattern is None:
            return [message]
        if message["msg_type"] in _SILENT:
            is_end = message["content"].get("execution_state") == "idle"
            return [*(self.release() if is_end else []), message]
        if message["msg_type"] == "stream":
            return self._hold_back(message)
        message["content"] = self.masker.mask(message["content"])
        message["buffers"] = [self.masker.mask_bytes(b) for b in message.get("buffers", [])]
        return [*self.release(), message]

    def _hold_back(self, message: dict[str, Any]) -> list[dict[str, Any]]:
        content = message["content"]
        before = self.held.pop(content["name"], None)
        whole = content["text"] if before is None else before["content"]["text"] + content["text"]
        text, rest = self.masker.split(whole)
        if rest:
            self.held[content["name"]] = {**message, "content": {**content, "text": rest}}
        return [{**message, "content": {**content, "text": text}}] if text else []

    def release(self) -> list[dict[str, Any]]:
        """Return what is held back: nothing follows that would make it a secret."""
        held, self.held = list(self.held.values()), {}
        return held

    def take(self, message: dict[str, Any], cell: int) -> dict[str, Any]:
        """Count one message and write it down."""
        if message["msg_type"] in _SILENT:
            return message
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
    from nbformat import NotebookNode

    class Client(NotebookClient):  # type: ignore[misc]  # nbclient has no type hints that mypy follows
        """nbclient's client; a message that cannot be kept is told at once, not when its cell ends."""

        def process_message(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
            output = None
            for message in tap.unveil(msg):
                output = self._take(message, cell, cell_index)
            return output

        def output(self, outs: Any, msg: dict[str, Any], display_id: Any, cell_index: int) -> Any:
            """Add one output to a cell; text without nbformat's check by a schema, which takes most of the time."""
            text, name = msg["content"].get("text"), msg["content"].get("name")
            is_plain = msg["msg_type"] == "stream" and isinstance(text, str) and name in ("stdout", "stderr")
            hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
            if not is_plain or hooked or self.clear_before_next_output:
                return super().output(outs, msg, display_id, cell_index)
            outs.append(NotebookNode(output_type="stream", name=name, text=text))
            return outs[-1]

        def let_out(self, cell: Any, cell_index: int) -> None:
            """Put out what was held back of a cell that came to no end of its own."""
            for message in tap.release():
                self._take(message, cell, cell_index)

        def _take(self, msg: dict[str, Any], cell: Any, cell_index: int) -> Any:
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
    # outputs that come in after a cell's end is too short for large ones, which it would leave out without a word.
    return Client(
        notebook, kernel_name=kernel, timeout=None, allow_errors=False, iopub_timeout=_LATEST_OUTPUT,
        raise_on_iopub_timeout=True,
    )  # fmt: skip


def cut_outputs(notebook: Any, room: int) -> Any:
    """Return a copy of a notebook whose outputs take little room: long texts keep their beginning and their end.

    Examples
    --------
    >>> import nbformat.v4 as v4
    >>> cell = v4.new_code_cell("f()", outputs=[v4.new_output("stream", name="stdout", text="x" * 9000)])
    >>> len(cut_outputs(v4.new_notebook(cells=[cell]), 1000).cells[0].outputs[0].text) < 1000
    True
    """
    import copy

    short = copy.deepcopy(notebook)
    outputs = [o for cell in short.cells for o in cell.get("outputs", [])]
    share = max(_SHORTEST_SHARE, room // max(1, len(outputs)) - _SHORTEST_SHARE)
    for output in outputs:
        for holder in (output, output.get("data", {})):
            for key in [k for k in holder if k != "data"]:
                if _size_of(holder[key]) > share:
                    holder[key] = _cut(holder[key], share)
    return short


def _cut(value: Any, share: int) -> Any:
    if isinstance(value, list):  # the lines of a traceback: the last ones name the error
        return [_cut("\n".join(map(str, value)), share)]
    if not isinstance(value, str):
        return {}
    side = share // 2
    return f"{value[:side]}\n... {len(value) - 2 * side:,} characters left out ...\n{value[-side:]}"


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


def save_left(log: Path, notebook: Path) -> None:
    """Save what the cells of a run whose process is gone have put out.

    That can wait for a disk with room, or be damaged; that the run is over cannot wait.
    """
    with contextlib.suppress(OSError, LookupError, TypeError, AttributeError, ValueError):
        save_rebuilt(log, notebook)


def save_rebuilt(log: Path, target: Path) -> bool:
    """Save what the log of a killed run adds up to as its notebook, and remove the log; False where there is none."""
    from dcai.pipelines.notebooks.documents import write_notebook

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
