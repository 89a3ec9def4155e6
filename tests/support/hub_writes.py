"""What the hub of the tests answers to a client that creates data sets, sends files and makes commits.

The endpoints are those of ``huggingface_hub`` 2.4: ``create_repo``, ``create_commit`` over LFS, and tags.
"""

import base64
import hashlib
import json
import re
from email.message import Message
from io import BufferedIOBase
from typing import TYPE_CHECKING, Any, Final

from tests.support.hub_listings import LARGE, Repo

if TYPE_CHECKING:
    from tests.support.hub_server import Hub

LFS_STORE: Final = "/storage/lfs/"
"""Where large files are sent to; behind it stands the digest."""
_OF_REPO: Final = re.compile(r"/api/datasets/([^/]+/[^/]+)/(preupload|commit|tag)/(.+)")
_BATCH: Final = re.compile(r"/datasets/([^/]+/[^/]+)\.git/info/lfs/objects/batch")
_LARGE_BYTES: Final = 10_000
"""Of a file that is stored as a large one for its size alone."""

Answer = tuple[int, dict[str, Any]]


def is_write(method: str, path: str) -> bool:
    """Whether a request writes."""
    if method == "PUT" or path in ("/api/repos/create", "/api/validate-yaml"):
        return True
    return method in ("POST", "DELETE") and bool(_OF_REPO.fullmatch(path) or _BATCH.fullmatch(path))


def read_body(headers: Message, file: BufferedIOBase) -> bytes:
    """The body of a request, whole or in chunks (RFC 9112, 7.1)."""
    if "chunked" not in headers.get("Transfer-Encoding", ""):
        return file.read(int(headers.get("Content-Length") or 0))
    body = b""
    while size := int(file.readline().partition(b";")[0], 16):
        body += file.read(size)
        file.readline()
    file.readline()
    return body


def write(hub: "Hub", method: str, path: str, body: bytes) -> Answer:
    """Do what a request asks for; returns the status and the JSON of the answer."""
    if path.startswith(LFS_STORE):
        hub.objects[path.removeprefix(LFS_STORE)] = body
        return 200, {}
    if path == "/api/validate-yaml":
        return 200, {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
    if path == "/api/repos/create":
        return _create(hub, json.loads(body))
    match = _BATCH.fullmatch(path) or _OF_REPO.fullmatch(path)
    repo = next((repo for repo in hub.repos if match and repo.name == match[1]), None)
    if match is None or repo is None:
        return 404, {"error": "Repository not found"}
    return _write_repo(hub, repo, method, [] if match.re is _BATCH else [match[2], match[3]], body)


def _write_repo(hub: "Hub", repo: Repo, method: str, rest: list[str], body: bytes) -> Answer:
    match rest:
        case []:
            objects = [_lfs_object(hub, each) for each in json.loads(body)["objects"]]
            return 200, {"transfer": "basic", "objects": objects}
        case ["preupload", _]:
            return 200, {"files": [_preupload(each) for each in json.loads(body)["files"]]}
        case ["commit", _]:
            return _commit(hub, repo, [json.loads(line) for line in body.splitlines()])
        case [_, name]:
            return _tag(repo, method, name, body)
    raise AssertionError(rest)


def _create(hub: "Hub", body: dict[str, Any]) -> Answer:
    name = f"{body['organization']}/{body['name']}"
    answer = {"url": f"{hub.endpoint}/datasets/{name}"}
    if any(repo.name == name for repo in hub.repos):
        return 409, {**answer, "error": "You already created this dataset repo"}
    access = "private" if body["visibility"] == "private" else "open"
    hub.repos.append(Repo(name, {".gitattributes": b""}, kind="datasets", access=access))  # type: ignore[arg-type]  # a word of the hub
    return 200, answer


def _preupload(file: dict[str, Any]) -> dict[str, Any]:
    is_large = file["path"].endswith(LARGE) or file["size"] > _LARGE_BYTES
    mode = "lfs" if is_large else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}


def _lfs_object(hub: "Hub", body: dict[str, Any]) -> dict[str, Any]:
    if body["oid"] in hub.objects:
        return dict(body)
    return {**body, "actions": {"upload": {"href": f"{hub.storage}{LFS_STORE}{body['oid']}"}}}


def _commit(hub: "Hub", repo: Repo, lines: list[dict[str, Any]]) -> Answer:
    paths = []
    for line in lines:
        value = line["value"]
        if line["key"] == "file":
            repo.files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            content = hub.objects.get(value["oid"])
            if content is None or hashlib.sha256(content).hexdigest() != value["oid"]:
                return 400, {"error": f"{value['path']} was not uploaded"}
            repo.files[value["path"]] = content
        if line["key"] != "header":
            paths.append(value["path"])
    hub.commits.append(paths)
    repo.commit = hashlib.sha1(repr((repo.commit, paths)).encode(), usedforsecurity=False).hexdigest()
    url = f"{hub.endpoint}/datasets/{repo.name}/commit/{repo.commit}"
    return 200, {"commitUrl": url, "commitOid": repo.commit, "hookOutput": ""}


def _tag(repo: Repo, method: str, name: str, body: bytes) -> Answer:
    if method == "DELETE":
        del repo.tags[name]
        return 200, {}
    tag = json.loads(body)["tag"]
    if tag in repo.tags:
        return 409, {"error": "Tag reference exists already"}
    repo.tags[tag] = repo.commit
    return 200, {}
