"""What lies in a folder of a repository on the hub: asked page by page, each as patiently as anything else."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from models.weights.hub.retry import Kind, attempts
from models.weights.token import hub_token

if TYPE_CHECKING:
    from huggingface_hub import RepoFile, RepoFolder

ANSWERS_WITHIN_S: Final = 10.0
"""How long the hub may be silent in any answer that is no file."""


def tree(
    name: str, revision: str, folder: str = "", *, kind: Kind, waiting: Callable[[float], None]
) -> "Iterator[RepoFile | RepoFolder]":
    """Files and folders in ``folder``, in the hub's order.

    The client's own ``list_repo_tree`` waits for a silent hub for ever, and tells of a busy one in words of its own.

    Args:
        name: ``owner/name`` on the hub.
        revision: branch, tag or commit.
        folder: without a slash at either end; empty for the first level.
        kind: of the repository.
        waiting: hears of seconds that the hub asks to wait.

    Raises:
        httpx2.HTTPError: the hub does not tell.
        ValueError: what it tells is no list of files.
    """
    from huggingface_hub import RepoFile, RepoFolder, constants
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status  # type: ignore[attr-defined]

    headers = build_hf_headers(token=hub_token())
    place = f"/{quote(folder)}" if folder else ""
    url: str | None = f"{constants.ENDPOINT}/api/{kind}s/{name}/tree/{quote(revision, safe='')}{place}"
    while url:
        for attempt in attempts(waiting, connected=False):
            with attempt:
                page = get_session().get(url, headers=headers, timeout=ANSWERS_WITHIN_S)
                hf_raise_for_status(page)
        for entry in page.json():
            made_of: Any = RepoFolder if entry["type"] == "directory" else RepoFile  # untyped in the client
            yield made_of(**entry)
        url = page.links.get("next", {}).get("url")
