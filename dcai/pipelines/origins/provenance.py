"""Which run made what another one read: links between recorded runs, found by the hashes of files, in both directions."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from dcai.base.records import FileHash, RunRecord
from dcai.pipelines.archive import contents, ledger, staging


@dataclass(frozen=True)
class Link:
    """A run that stands before another one: by a file that one made and the other read, or (`file` None) by declaration."""

    maker: str
    reader: str
    file: FileHash | None


@dataclass(frozen=True, eq=False)
class Provenance:
    """The recorded runs of a repository, by name ("pipeline/run"), and what links them; `lists` is where folders are listed.

    A file in a folder that a run has made is of that run: where the folder's list was kept, when it has the content that
    stood there; otherwise by its place alone, for not to know must not look like an all-clear.

    Examples
    --------
    >>> Provenance.of([]).readers_of("data.csv")
    []
    """

    runs: Mapping[str, RunRecord] = field(repr=False)
    lists: Path | None = field(default=None, repr=False)
    _listed: dict[str, dict[str, str] | None] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, records: Iterable[RunRecord], lists: Path | None = None) -> Provenance:
        """Order runs by their start."""
        return cls({name_of(r): r for r in sorted(records, key=lambda r: (r.started, r.run))}, lists)

    @cached_property
    def _made(self) -> list[tuple[str, str, FileHash]]:
        """Everything that runs have made, in the order of their ends: the end, the run, the file or folder."""
        found = [(r.ended, n, o) for n, r in self.runs.items() for o in r.outputs if r.ended is not None]
        return sorted(((ended, name, one) for ended, name, one in found if one.sha256 is not None), key=lambda m: m[:2])

    @cached_property
    def _makers(self) -> dict[tuple[str, str | None], list[tuple[str, str]]]:
        """Who made a content, in the order of their ends: by hash and path, and by hash alone."""
        found: dict[tuple[str, str | None], list[tuple[str, str]]] = defaultdict(list)
        for ended, name, one in self._made:
            found[str(one.sha256), one.path].append((ended, name))
            found[str(one.sha256), None].append((ended, name))
        return found

    @cached_property
    def _below(self) -> dict[str, list[tuple[str, str, FileHash]]]:
        """What runs have made below each folder, in the order of their ends."""
        found: dict[str, list[tuple[str, str, FileHash]]] = defaultdict(list)
        for made in self._made:
            for folder in _parents(made[2].path):
                found[folder].append(made)
        return found

    @cached_property
    def _at(self) -> dict[str, list[tuple[str, str, FileHash]]]:
        """What runs have made at each path, in the order of their ends."""
        found: dict[str, list[tuple[str, str, FileHash]]] = defaultdict(list)
        for made in self._made:
            found[made[2].path].append(made)
        return found

    def _list(self, sha256: str | None) -> dict[str, str] | None:
        """Return the hashes of the files in a folder by their names; None where it is no folder or was never listed."""
        if sha256 is None or self.lists is None:
            return None
        if sha256 not in self._listed:
            self._listed[sha256] = contents.read_list(self.lists, sha256)
        return self._listed[sha256]

    def maker_of(self, file: FileHash, before: str = "~") -> str | None:
        """Return the run that made a file as it was at a moment.

        It is the last one that wrote these bytes, here, into a folder around it, or elsewhere.
        """
        if file.sha256 is None:
            return None
        return (
            _last(self._makers.get((file.sha256, file.path), []), before)
            or _last([(e, n) for e, n, made in self._around(file.path) if self._holds(made, file)], before)
            or _last(self._makers.get((file.sha256, None), []), before)
        )

    def _around(self, path: str) -> list[tuple[str, str, FileHash]]:
        """Return the folders around a path that runs have made, in the order of their ends."""
        return sorted((made for folder in _parents(path) for made in self._at.get(folder, [])), key=lambda m: m[:2])

    def _holds(self, folder: FileHash, file: FileHash) -> bool:
        listed = self._list(folder.sha256)
        return listed is None or listed.get(file.path.removeprefix(f"{folder.path}/")) == file.sha256

    def _makers_of_read(self, file: FileHash, before: str) -> list[str]:
        """Return the runs that made what a run read: one of a file, perhaps several of a folder."""
        maker = self.maker_of(file, before)
        if maker is not None or file.sha256 is None:
            return [] if maker is None else [maker]
        listed = self._list(file.sha256)
        if listed is not None:
            inside = (FileHash(f"{file.path}/{name}", sha256, None) for name, sha256 in listed.items())
            makers = [self.maker_of(one, before) for one in inside]
        else:
            below = self._below.get(file.path, [])  # of a plain file there is nothing
            near = [*self._at.get(file.path, []), *below] if below else []
            makers = list({made.path: name for e, name, made in near if e <= before}.values())
        return list(dict.fromkeys(m for m in makers if m is not None))

    def before(self, name: str) -> list[Link]:
        """Return what a run stands on."""
        record = self.runs[name]
        links = [(maker, one) for one in reads_of(record) for maker in self._makers_of_read(one, record.started)]
        found = [Link(maker, name, one) for maker, one in links if maker != name]
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
        """Return the runs that read a file: at this path, around or below it, or (`sha256`) this content wherever it stood.

        With `content`, the beginning of a hash, only those that read this one content.
        """
        return [n for n, r in self.runs.items() if any(self._is_read(f, path, sha256, content) for f in reads_of(r))]

    def writers_of(self, path: str) -> list[str]:
        """Return the runs that made something at a path, around it or below it, in the order of their ends."""
        found = [*self._at.get(path, []), *self._around(path), *self._below.get(path, [])]
        return list(dict.fromkeys(name for _, name, _ in sorted(found, key=lambda m: m[:2])))

    def _is_read(self, file: FileHash, path: str, sha256: str | None, content: str | None) -> bool:
        if content is None:
            return staging.overlap(file.path, path) or (sha256 is not None and file.sha256 == sha256)
        if file.sha256 is None:
            return False
        listed = self._list(file.sha256)
        if listed is None and path.startswith(f"{file.path}/"):
            return True  # a folder around it, and nobody knows what it held
        return any(one.startswith(content) for one in (file.sha256, *(listed or {}).values()))

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


def _parents(path: str) -> list[str]:
    """Return the folders around a path, the innermost first."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]


def _last(makers: list[tuple[str, str]], before: str) -> str | None:
    """Return the last of some runs, which are in the order of their ends, that ended by a moment."""
    place = bisect_right(makers, (before, "~"))
    return makers[place - 1][1] if place else None


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
        found += [name_of(r) for r in ledger.history(pipeline, root=root) if ledger.is_good(r)][:1]
    return found
