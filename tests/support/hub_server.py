"""A hub on this machine: the endpoints that the real client uses, and what can go wrong.

Small files come from the hub itself, large ones (``LARGE``) by a redirect to a storage host, as from the real one.
"""

import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from stream.sources.remote.storage import pinned_commit
from tests.support.hub_listings import LARGE, Repo, git_oid, sha256, sibling_entry, tree_entries
from tests.support.hub_writes import LFS_STORE, is_write, read_body, write

if TYPE_CHECKING:
    import pytest

TOKEN = "hf_aTokenThatMustNotBeSeenAnywhere"  # noqa: S105  (a token of this server alone)
_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


@dataclass(frozen=True)
class Request:
    """A request to the hub."""

    method: str
    path: str
    range: str | None
    authorization: str | None


@dataclass(frozen=True)
class Fault:
    """One answer that is not as it should be."""

    status: int | None = None  # refused with this status
    headers: dict[str, str] = field(default_factory=dict)
    """Beside a refusal."""
    cut_after: int | None = None
    """The connection is closed after so many bytes of the body."""
    first_byte: int | None = None
    """Only where a range is requested that begins there."""
    holds: bool = False
    """It is closed only when the hub is released."""


@dataclass
class Hub:
    """A hub's contents, faults and requests; all may change while it serves."""

    repos: list[Repo]
    endpoint: str = ""
    storage: str = ""
    """Another origin, that tokens must not reach."""
    requests: list[Request] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """By the end of a path: each GET that matches takes the first."""
    served: dict[str, bytes] = field(default_factory=dict)
    """By the end of a path: the bytes that come instead of the file's, with the file's headers."""
    ranges: bool = True
    """Whether ranges are honoured."""
    page_entries: int = 1000
    """Of a folder's list, at most, in one answer."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """Large files that were sent, by their SHA-256, also of commits that were never made."""
    commits: list[list[str]] = field(default_factory=list)
    """The paths of each commit that was made here."""
    released: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)

    def requests_for(self, end: str) -> list[Request]:
        """The GETs of bodies under paths that end so."""
        return [request for request in self.requests if request.method == "GET" and request.path.endswith(end)]

    def take_fault(self, path: str, byte_range: str | None, *, body: bool) -> Fault | None:
        """The next fault of ``path``, of which the range ``asked`` is wanted: one in the body, or one before it."""
        with self.lock:
            for end, faults in self.faults.items():
                if path.endswith(end) and faults and (faults[0].status is None) == body:
                    first = faults[0].first_byte
                    if first is None or (byte_range or "").startswith(f"bytes={first}-"):
                        return faults.pop(0)
        return None


class _HubHandler(BaseHTTPRequestHandler):
    def __init__(self, hub: Hub, *arguments: Any) -> None:  # noqa: ANN401  (the server's own, passed through)
        self._hub = hub
        super().__init__(*arguments)

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        path = unquote(url.path)
        self._note(path)
        fault = self._fault(path, body=False) if self.command == "GET" else None
        if fault is not None and fault.status is not None:
            self._answer(fault.status, b"<html>out of order</html>", {"Content-Type": "text/html", **fault.headers})
        elif not self._refused(path) and not self._written(path):
            self._route(path, parse_qs(url.query))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815  (the names that http.server looks for)

    def _fault(self, path: str, *, body: bool) -> Fault | None:
        return self._hub.take_fault(path, self.headers.get("Range"), body=body)

    def _note(self, path: str) -> None:
        request = Request(self.command, path, self.headers.get("Range"), self.headers.get("Authorization"))
        with self._hub.lock:
            self._hub.requests.append(request)

    def _refused(self, path: str) -> bool:
        if self.headers.get("Authorization") not in (None, f"Bearer {TOKEN}"):
            message = "Invalid credentials in Authorization header"
            self._answer(401, json.dumps({"error": message}).encode(), {"X-Error-Message": message})
            return True
        if path.startswith("/storage/") and self.headers.get("Authorization") is not None:
            self._error(400, "", "a token must not reach the storage")
            return True
        return False

    def _written(self, path: str) -> bool:
        """Whether the request was one that writes."""
        if not is_write(self.command, path):
            return False
        body = read_body(self.headers, self.rfile)
        fault = self._fault(path, body=False)
        if fault is not None and fault.status is not None:
            self._error(fault.status, "", "out of order")
        elif not path.startswith(LFS_STORE) and self.headers.get("Authorization") is None:
            self._error(401, "", "Invalid username or password.")
        else:
            with self._hub.lock:
                status, answer = write(self._hub, self.command, path, body)
            self._answer(status, json.dumps(answer).encode(), {"Content-Type": "application/json"})
        return True

    def _route(self, path: str, query: dict[str, list[str]]) -> None:
        for repo in self._hub.repos:
            api, files = f"/api/{repo.kind}/{repo.name}", f"/{repo.path}/resolve/"
            if path.startswith(f"/storage/{repo.path}/"):
                return self._body(repo, path.removeprefix(f"/storage/{repo.path}/"), {})
            if repo.access == "private" and self.headers.get("Authorization") is None:
                continue
            if path.startswith(files):
                return self._file(repo, *path.removeprefix(files).split("/", 1))
            if path == api or path.startswith(f"{api}/"):
                return self._api(repo, path.removeprefix(api).strip("/"), query)
        known = self.headers.get("Authorization") is not None
        return self._error(404 if known else 401, "RepoNotFound", "Repository not found")

    def _api(self, repo: Repo, rest: str, query: dict[str, list[str]]) -> None:
        what, _, rest = rest.partition("/")
        revision, _, folder = rest.partition("/")
        if what == "refs":
            tags = [{"name": n, "ref": f"refs/tags/{n}", "targetCommit": commit} for n, commit in repo.tags.items()]
            main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.commit}
            self._json({"branches": [main], "tags": tags, "converts": []})
        elif what in ("revision", "tree", "paths-info") and revision not in repo.revisions:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif what == "tree":
            recursive = query.get("recursive", ["False"])[0].lower() == "true"
            self._page(tree_entries(repo, folder, recursive=recursive), int(query.get("cursor", ["0"])[0]))
        elif what == "paths-info":
            paths = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()).get("paths", [])
            everything = tree_entries(repo, "", recursive=True)
            self._json([entry for entry in everything if entry["path"] in paths])
        else:
            siblings = [sibling_entry(*each, with_metadata="blobs" in query) for each in repo.files.items()]
            self._json({"id": repo.name, "sha": repo.commit, "siblings": siblings, "private": False, "tags": []})

    def _page(self, entries: list[dict[str, Any]], first: int) -> None:
        """Some of a list, and where it continues."""
        last = first + self._hub.page_entries
        url = f"{self._hub.endpoint}{urlsplit(self.path).path}?cursor={last}"
        headers = {"Link": f'<{url}>; rel="next"'} if last < len(entries) else {}
        self._answer(200, json.dumps(entries[first:last]).encode(), {"Content-Type": "application/json", **headers})

    def _file(self, repo: Repo, revision: str, name: str) -> None:
        if revision not in repo.revisions:
            self._error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        elif repo.access == "gated":
            self._error(403, "GatedRepo", f"Access to {repo.name} is restricted")
        elif name not in repo.files:
            self._error(404, "EntryNotFound", "Entry not found")
        elif name.endswith(LARGE):
            content = repo.files[name]
            self._answer(302, b"", {
                "Location": f"{self._hub.storage}/storage/{repo.path}/{name}", "X-Repo-Commit": repo.commit,
                "X-Linked-ETag": f'"{sha256(content)}"', "X-Linked-Size": str(len(content)),
            })  # fmt: skip
        else:
            self._body(repo, name, {"X-Repo-Commit": repo.commit})

    def _body(self, repo: Repo, name: str, headers: dict[str, str]) -> None:
        """A file or a range of it."""
        content = repo.files[name]
        etag = sha256(content) if name.endswith(LARGE) else git_oid(content)
        headers |= {"ETag": f'"{etag}"'}
        content = next((other for end, other in self._hub.served.items() if name.endswith(end)), content)
        byte_range = _RANGE.match(self.headers.get("Range", "")) if self._hub.ranges else None
        if byte_range is None:
            self._answer(200, content, headers | ({"Accept-Ranges": "bytes"} if self._hub.ranges else {}))
            return
        first, last = _bounds(byte_range[1], byte_range[2], len(content))
        if first > last:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        part = f"bytes {first}-{last}/{len(content)}"
        self._answer(206, content[first : last + 1], headers | {"Accept-Ranges": "bytes", "Content-Range": part})

    def _json(self, value: object) -> None:
        self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _error(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self._answer(status, json.dumps({"error": message}).encode(), headers)

    def _answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        fault = self._fault(unquote(urlsplit(self.path).path), body=True) if status in (200, 206) else None
        with suppress(ConnectionError):  # a client need not take all
            self.wfile.write(content if fault is None else content[: fault.cut_after])
        if fault is not None and fault.holds:
            self._hub.released.wait()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """First and last byte of a range; of the last N where only ``last`` is given."""
    if not first:
        return max(size - int(last), 0), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


@contextmanager
def serving(*repos: Repo) -> Iterator[Hub]:
    """A hub that serves until the block ends; its storage has another host's name, as of the real one."""
    hub = Hub(list(repos))
    with _server(hub, "127.0.0.1") as hub.endpoint, _server(hub, "localhost") as hub.storage:
        try:
            yield hub
        finally:
            hub.released.set()


@contextmanager
def _server(hub: Hub, host: str) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_HubHandler, hub))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def point_client_at(hub: Hub, home: Path, patch: "pytest.MonkeyPatch") -> None:
    """Let the client in this process ask ``hub`` and nobody else, with its cache and tokens under ``home``.

    The client reads its environment once, at its import: what it made of it is changed instead.
    """
    from huggingface_hub import constants

    patch.setattr(constants, "ENDPOINT", hub.endpoint)
    template = f"{hub.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setattr(constants, "HF_TOKEN_PATH", str(home / "token"))
    for name in ("HF_TOKEN", "HF_KEY", "HUGGING_FACE_HUB_TOKEN"):
        patch.delenv(name, raising=False)
    patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    patch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda _: None))  # it does not wait
    patch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda _: None, time=time.time))
    pinned_commit.cache_clear()
    patch.chdir(home)  # where no .env lies


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """The same for another process."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    return own | {"HF_HOME": str(home), "HF_ENDPOINT": hub.endpoint}
