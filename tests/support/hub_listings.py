"""What a hub says of its repositories: folders, files and their digests, in the JSON of the real one."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = (".safetensors", ".bin", ".tar", ".mp4")


@dataclass
class Repo:
    """A repository at one commit."""

    name: str
    files: dict[str, bytes]
    kind: Literal["models", "datasets"] = "models"
    commit: str = COMMIT
    access: Literal["open", "gated", "private"] = "open"
    """Gated: anyone may list it, nobody may read it. Private: there only for those who show ``TOKEN``."""
    earlier: tuple[str, ...] = ()
    """Commits before this one, which hold the same files."""
    tags: dict[str, str] = field(default_factory=dict)
    """Commit of each tag."""

    @property
    def revisions(self) -> tuple[str, ...]:
        """The names under which its files are found."""
        return ("main", self.commit, *self.earlier)

    @property
    def path(self) -> str:
        """The path of its files on the hub."""
        return self.name if self.kind == "models" else f"{self.kind}/{self.name}"


def sha256(content: bytes) -> str:
    """The digest of a large file."""
    return hashlib.sha256(content).hexdigest()


def git_oid(content: bytes) -> str:
    """The digest of a small file: git's name of a blob."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def tree_entries(repo: Repo, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """The files and folders below ``folder``."""
    inside = {name: content for name, content in repo.files.items() if not folder or name.startswith(f"{folder}/")}
    depth = folder.count("/") + 1 if folder else 0
    parents = {"/".join(name.split("/")[:n]) for name in inside for n in range(depth + 1, name.count("/") + 1)}
    folders = [{"type": "directory", "path": path, "oid": git_oid(path.encode()), "size": 0} for path in parents]
    entries: list[dict[str, Any]] = [*folders, *(file_entry(name, content) for name, content in inside.items())]
    return [entry for entry in entries if recursive or entry["path"].count("/") == depth]


def file_entry(name: str, content: bytes) -> dict[str, Any]:
    """A file in a list of files."""
    entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_oid(content)}
    if name.endswith(LARGE):
        entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 134}
    return entry


def sibling_entry(name: str, content: bytes, *, with_metadata: bool) -> dict[str, Any]:
    """A file in the description of a repository."""
    if not with_metadata:
        return {"rfilename": name}
    entry = file_entry(name, content)
    lfs = {"sha256": sha256(content), **entry["lfs"]} if "lfs" in entry else None
    return {"rfilename": name, "size": len(content), "blobId": entry["oid"], **({"lfs": lfs} if lfs else {})}
