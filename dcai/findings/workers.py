"""Workers: tasks that do not need each other, done here one by one or by the workers of a Dask cluster.

Both ways do the same sums in the same order, on one thread, and results are put together in the order of the tasks: so an
audit says the same whoever worked for it, to the last bit on processors of one kind. What a worker held when it ended is
done anew, by the others or, at last, here. After Ctrl-C no worker begins anything more; a task under way runs to its end.

What workers share is the folds of the models of labels (and, of many rows, single trees), and the passes over Parquet that
count all rows and judge all labels. How the cost grows:

* In memory, time and memory grow with rows times columns: a million rows of 16 mixed columns take about 100 s of one core
  and 2 to 3 GB, of which workers take over the fits alone; their features are sent to each worker once.
* In batches, models learn from 40,000 rows whatever the size, and each row is read and judged in about a microsecond of one
  core for ten numbers. A billion rows are some twenty minutes of one core, divided by as many workers as the row groups and
  the storage can feed.
* What no worker takes over is the caller's: 64 bytes for each row (hashes, labels, doubts), so 64 GB for a billion rows, one
  sort of the hashes, and the passes over single columns of `missing`, `ranges` and `variants`. That is the limit: what the
  caller's memory does not hold is refused with its size, to be audited in parts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from dcai.base.errors import InputError, RunError

T = TypeVar("T")
Work = Callable[[Any, Any], T]

# All of what the tasks read is sent anew at most so often; what is still not done is done here.
ROUNDS = 3
PATIENCE = 10.0  # seconds, before it is asked whether there are workers still
_LIBRARIES = ("dcai", "numpy", "pandas", "scipy", "scikit-learn", "pyarrow")
_CLIENT: ContextVar[Any] = ContextVar("client", default=None)
_SENT: ContextVar[list[Any]] = ContextVar("sent")  # what workers were asked for last, done or not


@contextmanager
def use_client(client: Any) -> Iterator[None]:
    """Let the workers of a client do tasks as long as this context lasts; None lets them be done here.

    Raises
    ------
    InputError
        Where it is no client that runs, or its workers have other versions of what they need.
    """
    if client is not None:
        _check_client(client)
    token, sent = _CLIENT.set(client), _SENT.set([])
    try:
        yield
    finally:
        # Who stops early, by Ctrl-C above all, leaves workers nothing that they would still begin.
        for future in _SENT.get():
            future.release()
        _SENT.reset(sent)
        _CLIENT.reset(token)


def has_workers() -> bool:
    """Say whether there are workers beside this process."""
    return _CLIENT.get() is not None


def count_workers() -> int:
    """Count the threads that tasks can be done by at once.

    Examples
    --------
    >>> count_workers()
    1
    """
    client = _CLIENT.get()
    return 1 if client is None else max(sum(client.nthreads().values()), 1)


def spread(work: Work[T], shared: Any, tasks: Sequence[Any]) -> Iterator[T]:
    """Do tasks, and give their results in the order of the tasks.

    Parameters
    ----------
    work : callable
        Is given what is shared and one task; it changes neither, and knows nothing of this process.
    shared : object
        What all tasks read; it is sent to each worker once.
    tasks : sequence

    Examples
    --------
    >>> list(spread(lambda base, power: base**power, 2, [1, 2, 3]))
    [2, 4, 8]
    """
    client = _CLIENT.get()
    if client is None or len(tasks) < 2:  # noqa: PLR2004 (one task is done here sooner than it is sent)
        return _do_here(work, shared, tasks)
    return _send(client, work, shared, tasks)


def _do_here(work: Work[T], shared: Any, tasks: Sequence[Any]) -> Iterator[T]:
    """Do tasks one by one."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        for task in tasks:
            yield work(shared, task)


def _do_there(work: Work[T], shared: Any, task: Any) -> T:
    """Do one task in a worker."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return work(shared, task)


def _send(client: Any, work: Work[T], shared: Any, tasks: Sequence[Any]) -> Iterator[T]:
    """Send tasks to workers, and again what was lost with one of them."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    done = 0
    for _ in range(ROUNDS):
        if not client.nthreads():
            break
        try:
            held = client.scatter(shared, broadcast=True, hash=False)
            futures = [client.submit(_do_there, work, held, task, pure=False) for task in tasks[done:]]
            _SENT.get()[:] = futures
            for future in futures:
                found = _wait(client, future)
                future.release()
                done += 1
                yield found
        except (FutureCancelledError, OSError, TimeoutError):
            continue  # what the tasks read was lost with a worker
        except KilledWorker as error:
            raise RunError(
                f"Workers of the cluster ended again and again while they did a part of the audit ({error}). Their logs say "
                "why; most often it is memory: give each worker more of it, or audit fewer rows or columns."
            ) from error
        else:
            return
    yield from _do_here(work, shared, tasks[done:])


def _wait(client: Any, future: Any) -> Any:
    """Wait for a result as long as there is a worker that may bring it: without any, it would be for ever."""
    while True:
        try:
            return future.result(timeout=PATIENCE)
        except TimeoutError:
            if future.done() or not client.nthreads():
                raise


def _check_client(client: Any) -> None:
    """Refuse what is no client, one that is closed, and workers that would find something else."""
    try:
        from distributed import Client
    except ImportError:
        Client = None  # noqa: N806 (the class's own name)
    if Client is None or not isinstance(client, Client) or client.asynchronous:
        raise InputError.wrong_value(
            "client", "audit", "a running dask.distributed Client, or None to work in this process alone", client
        )
    if client.status != "running" or not client.nthreads():
        raise InputError(
            f"The client of audit is {client.status} and has {len(client.nthreads())} workers. Give one that runs and has at "
            "least one worker, for example distributed.Client(n_workers=2, threads_per_worker=1), or leave client out."
        )
    own = read_versions()
    for address, versions in client.run(read_versions, on_error="return").items():
        if isinstance(versions, BaseException):
            raise InputError(
                f"The worker {address} cannot import what an audit needs ({type(versions).__name__}: {versions}). Install "
                f"dcai {own['dcai']} there."
            )
        other = [f"{name} {versions[name]} instead of {own[name]}" for name in own if versions[name] != own[name]]
        if other:
            raise InputError(
                f"The worker {address} has {', '.join(other)}: it might find something else. Install the same versions there."
            )


def read_versions() -> dict[str, str]:
    """Read the versions of what decides what an audit finds.

    Examples
    --------
    >>> "numpy" in read_versions()
    True
    """
    from importlib.metadata import version

    return {"Python": ".".join(map(str, sys.version_info[:2])), **{name: version(name) for name in _LIBRARIES}}
