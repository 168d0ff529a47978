"""Which run made what another one read: links between recorded runs, found by the hashes of files, in both directions."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dcai.base.records import FileHash, RunRecord
from dcai.pipelines import ledger


@dataclass(frozen=True)
class Link:
    """A run that stands before another one: by a file that one made and the other read, or (`file` None) by declaration."""

    maker: str
    reader: str
    file: FileHash | None


@dataclass(frozen=True, eq=False)
class Provenance:
    """The recorded runs of a repository, by name ("pipeline/run"), and what links them.

    Examples
    --------
    >>> Provenance.of([]).readers_of("data.csv")
    []
    """

    runs: Mapping[str, RunRecord] = field(repr=False)

    @classmethod
    def of(cls, records: Iterable[RunRecord]) -> Provenance:
        """Order runs by their start."""
        return cls({name_of(r): r for r in sorted(records, key=lambda r: (r.started, r.run))})

    @cached_property
    def _makers(self) -> dict[tuple[str, str | None], list[tuple[str, str]]]:
        """Who made a content, in the order of their ends: by hash and path, and by hash alone."""
        found: dict[tuple[str, str | None], list[tuple[str, str]]] = defaultdict(list)
        for name, record in self.runs.items():
            for one in record.outputs:
                if one.sha256 is not None and record.ended is not None:
                    found[one.sha256, one.path].append((record.ended, name))
                    found[one.sha256, None].append((record.ended, name))
        for makers in found.values():
            makers.sort()
        return found

    def maker_of(self, file: FileHash, before: str = "~") -> str | None:
        """Return the run that made a file as it was at a moment: the last one that wrote these bytes, here or elsewhere."""
        if file.sha256 is None:
            return None
        for path in (file.path, None):
            makers = self._makers.get((file.sha256, path), [])
            place = bisect_right(makers, (before, "~"))
            if place:
                return makers[place - 1][1]
        return None

    def before(self, name: str) -> list[Link]:
        """Return what a run stands on."""
        record = self.runs[name]
        links = [(self.maker_of(one, record.started), one) for one in reads_of(record)]
        found = [Link(maker, name, one) for maker, one in links if maker is not None and maker != name]
        known = {link.maker for link in found}
        return [*found, *(Link(u, name, None) for u in record.upstream if u in self.runs and u not in known)]

    @cached_property
    def _after(self) -> dict[str, list[Link]]:
        found: dict[str, list[Link]] = defaultdict(list)
        for name in self.runs:
            for link in self.before(name):
                found[link.maker].append(link)
        return found

    def after(self, name: str) -> list[Link]:
        """Return what stands on a run."""
        return self._after.get(name, [])

    def readers_of(self, path: str, sha256: str | None = None, content: str | None = None) -> list[str]:
        """Return the runs that read a file: at this path, or (`sha256`) with this content wherever it stood.

        With `content`, the beginning of a hash, only those that read this one content.
        """
        return [n for n, r in self.runs.items() if any(_is_read(f, path, sha256, content) for f in reads_of(r))]

    def walk(self, start: Iterable[str], *, forwards: bool) -> Iterator[tuple[int, str, list[Link]]]:
        """Go from runs to what they stand on, or to what stands on them; each run once, with its distance and links."""
        waiting = list(dict.fromkeys(start))
        seen = set(waiting)
        depth = 0
        while waiting:
            following = []
            for name in waiting:
                links = self.after(name) if forwards else self.before(name)
                yield depth, name, links
                for link in links:
                    other = link.reader if forwards else link.maker
                    if other not in seen:
                        seen.add(other)
                        following.append(other)
            waiting, depth = following, depth + 1


def name_of(record: RunRecord) -> str:
    """Name a run in its repository."""
    return f"{record.pipeline}/{record.run}"


def reads_of(record: RunRecord) -> list[FileHash]:
    """Return everything that a run read: its inputs, its correction logs, its code."""
    return [*record.inputs, *record.corrections, *record.code]


def _is_read(file: FileHash, path: str, sha256: str | None, content: str | None) -> bool:
    # A folder that was read stands for everything in it.
    here = file.path == path or path.startswith(f"{file.path}/")
    if content is not None:
        return file.sha256 is not None and file.sha256.startswith(content)
    return here or (sha256 is not None and file.sha256 == sha256)


def last_good(pipelines: Iterable[str], root: Path) -> list[str]:
    """Return the last good run of each pipeline that has one; one that does not exist is an error.

    Raises
    ------
    MissingError
        There is neither such a pipeline nor a run of it.

    Examples
    --------
    >>> last_good([], Path("/"))
    []
    """
    found = []
    for pipeline in pipelines:
        runs = ledger.history(pipeline, root=root)
        found += [name_of(r) for r in runs if r.status == "succeeded" and r.purpose in ("run", "retry")][:1]
    return found
