"""What servers have refused so far: the runs of a command share it, in this process or in a file.

With ``--jobs``, each chain asks the server from a process of its own. What one of them has learned of it, the others
read before their next requests.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from models.annotators.openai.dialect import Dialect


@dataclass(frozen=True, slots=True)
class Server:
    """A server, a model of it, and the dialect in which the first request is made."""

    url: str
    model: str
    first: Dialect

    @property
    def key(self) -> str:
        """The same for equal ones, in every process."""
        return json.dumps([self.url, self.model, _plain(self.first)], sort_keys=True)


@dataclass(frozen=True, slots=True)
class Adapted:
    """The dialect of the next request, and the changes that led to it, a clause each."""

    dialect: Dialect
    changes: tuple[str, ...] = ()


_OF_PROCESS: Final[dict[str, Adapted]] = {}


def forget_dialects() -> None:
    """Forget what servers have refused in this process: another may have the same address."""
    _OF_PROCESS.clear()


class KnownDialects:
    """Dialects by server."""

    def __init__(self, path: Path | None = None) -> None:
        """Without ``path`` they are those of this process; with it, those of all processes that name the file.

        Its folder must be one that nobody else can write to.
        """
        self._path = path

    def get(self, server: Server) -> Adapted:
        """What requests to a server have become: its first dialect, if it has refused none."""
        return self._read().get(server.key, Adapted(server.first))

    def put(self, server: Server, before: Adapted, adapted: Adapted) -> Adapted:
        """Record a change of ``before``, unless another process has recorded one; returns what is recorded then."""
        if self._path is None:
            _OF_PROCESS[server.key] = adapted
            return adapted
        with _locked(self._path):
            known = self._read()
            if known.get(server.key, Adapted(server.first)) == before:
                known[server.key] = adapted
                self._write(self._path, known)
            return known[server.key]

    def _read(self) -> dict[str, Adapted]:
        if self._path is None:
            return _OF_PROCESS
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {key: Adapted(_dialect(fields), tuple(changes)) for key, (fields, changes) in content.items()}

    def _write(self, path: Path, known: dict[str, Adapted]) -> None:
        part = path.with_name(f"{path.name}.part")
        content = {key: [_plain(each.dialect), each.changes] for key, each in known.items()}
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Keep other processes from changing a file meanwhile."""
    with path.with_name(f"{path.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _plain(dialect: Dialect) -> dict[str, Any]:
    return asdict(dialect) | {"omitted_keywords": sorted(dialect.omitted_keywords)}


def _dialect(fields: dict[str, Any]) -> Dialect:
    return Dialect(**fields | {"omitted_keywords": frozenset(fields["omitted_keywords"])})
