"""What a `pipeline.yaml` may declare beyond names and paths: gates, triggers, retries, upstream, environment.

Here stands the form of each, checked with a sentence that names the place; acting on them is for others.

```yaml
gates:
  accuracy: ">= 0.9"                  # short: a metric that the notebook records, compared with a number
  metrics:                            # long; `drop` and `rise`: against the last good run
    accuracy: {min: 0.9, drop: 0.02}
  time: 600                           # seconds of the whole run
  memory: 2 GB                        # peak of the kernel
  size: {models/model.pkl: {max: 50 MB}}
  drifted: false                      # a metric that is true or false
  label_quality: {data: data/train.csv, label: digit, key: [id], max_wrong: 0.05}
  drift: {data/new.csv: {reference: data/train.csv, label: digit, key: [id], groups: writer, alpha: 0.01, volume: 0.2}}
  schema:
    data/train.csv: {columns: {id: integer, digit: {type: integer, min: 0, max: 9}}, unique: [id], rows: {min: 1000}}
triggers:
  code: true                          # the notebook, or a list of further paths
  data: true                          # the inputs, or a list of paths
  corrections: true                   # the logs, or a list of paths
  outputs: true                       # what it has made is gone, or is not what it has made
  parameters: true                    # the last good run had other values
  performance: {accuracy: {min: 0.9, drop: 0.02}}   # of another pipeline's latest run: classify.precision
  drift: {data/new.csv: {reference: data/train.csv, label: digit, alpha: 0.01}}
  schedule: 0 3 * * *                 # cron, in UTC
retries: {times: 2, wait: 30, on: [ConnectionError, kernel_died]}
upstream: [prepare]
environment: {python: 3.11.7, platform: linux-x86_64, lock: requirements.lock}
on_failure: [mail, -s, a run failed, team]   # no shell; it finds DCAI_RUN, DCAI_STATUS, DCAI_PIPELINE and DCAI_ERROR
smoke: {rows: n_rows, inputs: [table], parameters: {trees: 5}}   # for --smoke N: what is set to N, to a sample of N rows
output_limit: 2 GB                    # what its cells may put out (512 MiB)
snapshots: true                       # keep what inputs and logs held, by content, for `dcai reproduce`
```
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from dcai.base.errors import InputError, shorten
from dcai.pipelines.names import require_inside, require_name

Check = Callable[[Any, str], None]

COMPARISON = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*")
# Gates that are no metrics; a metric of such a name stands below `metrics`.
OTHER_GATES = ("metrics", "time", "memory", "size", "label_quality", "schema", "drift")
# What a run may be tried again after, besides the class of an error.
ENDS = ("failed", "kernel_died", "timed_out", "gate_failed")
COLUMN_TYPES = ("integer", "number", "text", "boolean", "date", "any")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]?i?)B?")
_CLASS = re.compile(r"[A-Za-z_][\w.]*")
_MOST_RETRIES = 100
# The fields of a cron line, with the smallest and the largest number of each, and names that stand for numbers.
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_CRON: tuple[tuple[str, int, int, dict[str, int]], ...] = (
    ("minute", 0, 59, {}),
    ("hour", 0, 23, {}),
    ("day of the month", 1, 31, {}),
    ("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    ("day of the week", 0, 7, {name: number for number, name in enumerate(_DAYS)}),
)


# ---------------------------------------------------------------- what is declared, as values


def bytes_of(size: float | str) -> int:
    """Return a size in bytes: a number, or a text such as "500 MB" or "2 GiB".

    Examples
    --------
    >>> bytes_of("1.5 kB"), bytes_of("2 GiB"), bytes_of(10)
    (1500, 2147483648, 10)
    """
    if not isinstance(size, str):
        return int(size)
    match = _SIZE.fullmatch(size.strip())
    assert match is not None  # a size has been checked when its manifest was read
    unit = match[2].lower()
    power = "kmgt".index(unit[0]) + 1 if unit and unit[0] in "kmgt" else 0
    return int(float(match[1]) * (1024 if unit.endswith("i") else 1000) ** power)


def metric_gates(gates: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rules for metrics among the gates, those of `metrics` and the short ones beside it.

    Examples
    --------
    >>> metric_gates({"accuracy": ">= 0.9", "metrics": {"loss": {"max": 1}}, "time": 60})
    {'accuracy': '>= 0.9', 'loss': {'max': 1}}
    """
    short = {name: rule for name, rule in gates.items() if name not in OTHER_GATES}
    return {**short, **gates.get("metrics", {})}


def cron_fields(schedule: str) -> tuple[frozenset[int], ...]:
    """Return the minutes, hours, days, months and days of the week (0 is Sunday) of a cron line.

    Raises
    ------
    InputError
        It is no cron line of five fields.

    Examples
    --------
    >>> [sorted(field)[:2] for field in cron_fields("*/30 3 * jan mon-fri")]
    [[0, 30], [3], [1, 2], [1], [1, 2]]
    """
    words = schedule.split()
    if len(words) != len(_CRON):
        raise InputError(
            f"A schedule has five fields (minute, hour, day, month, day of the week), such as '0 3 * * *'. "
            f"Got {shorten(repr(schedule))} instead."
        )
    made = [_cron_field(word.lower(), *field) for word, field in zip(words, _CRON, strict=True)]
    made[4] = frozenset(day % 7 for day in made[4])  # 7 is Sunday too
    return tuple(made)


def _cron_field(word: str, name: str, low: int, high: int, names: Mapping[str, int]) -> frozenset[int]:
    numbers: set[int] = set()
    for part in word.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if span == "*" else names.get(first, int(first) if first.isdecimal() else -1)
        end = names.get(last, int(last) if last.isdecimal() else -1) if dash else begin
        if span == "*" or (slash and not dash):
            end = high
        stride = int(step) if step.isdecimal() else 0 if slash else 1
        if not (low <= begin <= end <= high and stride):
            raise InputError(
                f"The {name} of a schedule must be '*' or numbers from {low} to {high}, such as '{low}', '{low}-{low + 2}' "
                f"or '*/2'. Got {shorten(repr(word))} instead."
            )
        numbers |= set(range(begin, end + 1, stride))
    return frozenset(numbers)


# ---------------------------------------------------------------- checks


def check_declarations(found: Mapping[str, Any], where: str) -> None:
    """Refuse declarations of another form than the one above; `where` names the file.

    Examples
    --------
    >>> check_declarations({"retries": {"times": 0}}, "pipeline.yaml")
    Traceback (most recent call last):
        ...
    dcai.base.errors.InputError: 'retries.times' in pipeline.yaml must be an integer from 1 to 100. Got 0 instead.
    """
    for field, check in _DECLARATIONS.items():
        if field in found:
            check(found[field], f"{field!r} in {where}")
    if found.get("name") in found.get("upstream", []):
        raise InputError(
            f"'upstream' in {where} names the pipeline itself. Name the pipelines that must run before it."
        )


def check_gates(gates: Mapping[str, Any], where: str) -> None:
    """Refuse gates of another form; `where` names the file or the caller."""
    for name, rule in gates.items():
        if not isinstance(name, str):
            raise _refuse(name, f"The name of a gate of {where}", "a text")
        if name not in OTHER_GATES:
            _check_metric(rule, f"The gate {name!r} of {where}")
    _fields(_GATES, open_names=True)(gates, f"'gates' in {where}")


def _refuse(value: Any, place: str, expected: str, hint: str = "") -> InputError:
    return InputError(f"{place} must be {expected}. Got {shorten(repr(value))} instead. {hint}".strip())


def _below(place: str, name: object) -> str:
    """Name a part of what a place names: `'gates' in x` and `time` give `'gates.time' in x`."""
    match = re.match(r"'([^']*)'(.*)\Z", place, re.DOTALL)
    return (
        f"{place}, {shorten(repr(name), 60)}," if match is None else f"'{match[1]}.{shorten(str(name), 60)}'{match[2]}"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _number(expected: str, holds: Callable[[Any], bool], hint: str = "") -> Check:
    def check(value: Any, place: str) -> None:
        if not _is_number(value) or not holds(value):
            raise _refuse(value, place, expected, hint)

    return check


def _check_text(value: Any, place: str) -> None:
    if not isinstance(value, str) or not value.strip():
        raise _refuse(value, place, "a text")


def _check_flag(value: Any, place: str) -> None:
    if not isinstance(value, bool):
        raise _refuse(value, place, "true or false")


def _check_path(value: Any, place: str) -> None:
    if not isinstance(value, str):
        raise _refuse(value, place, "a path relative to the repository root")
    require_inside(value, place)


def check_size(value: Any, place: str) -> None:
    """Refuse what is no size in bytes."""
    good = _SIZE.fullmatch(value.strip()) is not None if isinstance(value, str) else _is_number(value) and value >= 0
    if not good:
        raise _refuse(value, place, "bytes, as a number or as a text such as '500 MB' or '2 GB'")


def _list(check: Check, expected: str) -> Check:
    def check_list(value: Any, place: str) -> None:
        if not isinstance(value, list):
            raise _refuse(value, place, expected)
        for one in value:
            check(one, place)

    return check_list


def _each(check: Check, expected: str, check_name: Check = _check_text) -> Check:
    def check_each(value: Any, place: str) -> None:
        if not isinstance(value, dict) or not value:
            raise _refuse(value, place, expected)
        for name, one in value.items():
            check_name(name, place)
            check(one, _below(place, name))

    return check_each


def _fields(checks: Mapping[str, Check], needed: tuple[str, ...] = (), *, open_names: bool = False) -> Check:
    def check_fields(value: Any, place: str) -> None:
        listed = ", ".join(checks)
        if not isinstance(value, dict) or (not value and not open_names):
            raise _refuse(value, place, f"a mapping of {listed}")
        for name, one in value.items():
            if name in checks:
                checks[name](one, _below(place, name))
            elif not open_names:
                raise InputError.unknown_name(f"field (of {place})", name, checks)
        for name in needed:
            if name not in value:
                raise InputError(f"{place} needs {name!r}. It holds: {', '.join(map(str, value))}.")

    return check_fields


def _flag_or(check: Check) -> Check:
    def check_either(value: Any, place: str) -> None:
        if not isinstance(value, bool):
            check(value, place)

    return check_either


def _ordered(check: Check, read: Callable[[Any], float] = float) -> Check:
    """Add that `min` is no larger than `max`."""

    def check_ordered(value: Any, place: str) -> None:
        check(value, place)
        if "min" in value and "max" in value and read(value["min"]) > read(value["max"]):
            raise InputError(f"{place} has a 'min' of {value['min']!r} above its 'max' of {value['max']!r}. Swap them.")

    return check_ordered


def _check_metric(value: Any, place: str) -> None:
    if isinstance(value, dict):
        _check_bounds(value, place)
    elif not isinstance(value, bool) and (not isinstance(value, str) or not COMPARISON.fullmatch(value)):
        more = "Or write true, false, or a mapping of min, max, drop, rise."
        raise _refuse(value, place, "a comparison such as '>= 0.9'", more)


def _check_class(value: Any, place: str) -> None:
    if not isinstance(value, str) or not _CLASS.fullmatch(value):
        raise _refuse(value, place, f"a list of error classes such as 'ConnectionError', or of {', '.join(ENDS)}")


def _check_pipeline(value: Any, place: str) -> None:
    if not isinstance(value, str):
        raise _refuse(value, place, "a list of names of pipelines")
    require_name(value, place)


def _check_schedule(value: Any, place: str) -> None:
    _check_text(value, place)
    try:
        cron_fields(value)
    except InputError as error:
        raise InputError(f"{place} is no cron line: {error}") from error


def _check_column(value: Any, place: str) -> None:
    if isinstance(value, dict):
        _check_column_fields(value, place)
    else:
        _check_type(value, place)


def _check_type(value: Any, place: str) -> None:
    if value not in COLUMN_TYPES:
        raise _refuse(value, place, f"one of {', '.join(COLUMN_TYPES)}")


_any_number = _number("a number", lambda _: True)
_some = _number("a number of 0 or more", lambda v: v >= 0)
_share = _number("a number from 0 to 1", lambda v: 0 <= v <= 1)
_count = _number("an integer of 0 or more", lambda v: v >= 0 and v == int(v))
_paths = _list(_check_path, "true, false or a list of paths")
_columns = _list(_check_text, "a list of columns")
_check_bounds = _ordered(_fields({"min": _any_number, "max": _any_number, "drop": _some, "rise": _some}))
_check_column_fields = _ordered(
    _fields({
        "type": _check_type, "nullable": _check_flag, "min": _any_number, "max": _any_number,
        "values": _list(lambda _value, _place: None, "a list of values"),
    })
)  # fmt: skip
_check_table = _fields({
    "columns": _each(_check_column, "a mapping of columns to types"),
    "extra": _check_flag,
    "rows": _ordered(_fields({"min": _count, "max": _count})),
    "unique": _columns,
})  # fmt: skip
_drift = _each(
    _fields({
        "reference": _check_path, "label": _check_text, "key": _columns, "groups": _check_text,
        "alpha": _number("a number between 0 and 1", lambda v: 0 < v < 1),
        "volume": _number("a number between 0 and 1", lambda v: 0 < v < 1),
    }, ("reference",)),
    "a mapping of paths to reference, label, alpha", _check_path,
)  # fmt: skip
_SECONDS = "seconds above 0"
_GATES: dict[str, Check] = {
    "metrics": _each(_check_metric, "a mapping of metrics to rules"),
    "time": _number(_SECONDS, lambda v: v > 0, "The rule for a metric of this name stands below 'metrics'."),
    "memory": check_size,
    "size": _each(
        _ordered(_fields({"min": check_size, "max": check_size}), bytes_of), "a mapping of paths", _check_path
    ),
    "label_quality": _fields(
        {"data": _check_path, "label": _check_text, "key": _columns, "max_wrong": _share},
        ("data", "label", "max_wrong"),
    ),
    "schema": _each(_check_table, "a mapping of paths to tables", _check_path),
    "drift": _drift,
}
_DECLARATIONS: dict[str, Check] = {
    "triggers": _fields({
        "code": _flag_or(_paths),
        "data": _flag_or(_paths),
        "corrections": _flag_or(_paths),
        "outputs": _check_flag,
        "parameters": _check_flag,
        "performance": _each(_check_bounds, "a mapping of metrics to min, max, drop, rise"),
        "drift": _drift,
        "schedule": _check_schedule,
    }),
    "retries": _fields(
        {
            "times": _number(
                f"an integer from 1 to {_MOST_RETRIES}", lambda v: 1 <= v <= _MOST_RETRIES and v == int(v)
            ),
            "wait": _some,
            "on": _list(_check_class, "a list of error classes"),
        },
        ("times",),
    ),
    "upstream": _list(_check_pipeline, "a list of names of pipelines"),
    "environment": _fields({"python": _check_text, "platform": _check_text, "lock": _check_path}),
    "output_limit": check_size,
    "on_failure": _list(_check_text, "a list: a command and its arguments"),
    "smoke": _fields({
        "rows": _check_text,
        "inputs": _list(_check_text, "a list of parameters that hold paths of tables"),
        "parameters": _each(lambda _value, _place: None, "a mapping of parameters to values"),
    }),
}  # fmt: skip
