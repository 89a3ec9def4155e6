"""Turns errors of the hub's client into sentences, with what to do."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from models.weights.hub_client import RepoType, requested_wait_s
from models.weights.token import hub_token

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError


def explain(
    error: Exception, name: str, kind: RepoType = "model", wanted: Literal["fetched", "pushed"] = "fetched"
) -> str:
    """One sentence on an error of the hub's client about the repository ``name``: what it means, and what helps."""
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return explain(error.__cause__, name, kind, wanted)  # the client's wrapping adds nothing
    thing = "data set" if kind == "dataset" else "model"
    why = _refused(error, name, kind) if isinstance(error, HfHubHTTPError) else _unheard(error)
    return f"the {thing} {name!r} cannot be {wanted}: {why}"


def cannot_use_cache(error: OSError) -> str:
    """One sentence on an error of this machine's disk while the hub's cache is used."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return (
        f"the hub's cache {HF_HUB_CACHE} cannot be used ({error.strerror}: {error.filename}): "
        "set HF_HOME to a folder that can be written"
    )


def _unheard(error: Exception) -> str:
    """The hub did not answer, or something else answered."""
    from huggingface_hub.constants import ENDPOINT
    from huggingface_hub.errors import FileMetadataError

    stranger = isinstance(error, FileMetadataError | ValueError)
    fault = "does not answer like one" if stranger else "cannot be reached"
    reason = str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
    return f"the hub at {ENDPOINT} {fault} ({reason}); check the network, or HF_ENDPOINT"


def _refused(error: "HfHubHTTPError", name: str, kind: RepoType) -> str:
    from huggingface_hub import constants, errors

    page = f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"
    match error:
        case errors.GatedRepoError():
            return f"it is gated; {_how_to_get_access(page)}"
        case errors.RepositoryNotFoundError():
            return f"there is no repository of this name, or it is private; check the name, {_or_a_token()}"
        case errors.RevisionNotFoundError():
            return f"it has no such revision; {page} lists its branches, tags and commits"
        case errors.RemoteEntryNotFoundError():
            return f"it has no such file as {error.response.url.path}"
        case _:
            return _by_status(error.response)


def _by_status(response: "httpx2.Response") -> str:
    match response.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return "the hub does not know the token in HF_TOKEN; make a new one in your account's settings, and set it"
        case HTTPStatus.FORBIDDEN:
            return "the token in HF_TOKEN has no permission for that; give it one, or set another"
        case HTTPStatus.TOO_MANY_REQUESTS:
            wait_s = requested_wait_s(response)
            when = "later" if wait_s is None else f"in {wait_s:.0f} s"
            return f"the hub has had too many requests from here (429); try again {when}, {_or_a_token()}"
        case HTTPStatus.CONFLICT | HTTPStatus.PRECONDITION_FAILED:
            return "something else has changed it at the same time; try again when that is done"
        case status:
            return f"the hub answered {status} {response.reason_phrase}; try again later"


def _how_to_get_access(page: str) -> str:
    if hub_token() is None:
        return f"ask for access at {page}, then set HF_TOKEN to a token of that account"
    return f"ask for access at {page} with the account whose token HF_TOKEN holds"


def _or_a_token() -> str:
    return "or set HF_TOKEN" if hub_token() is None else "or set HF_TOKEN to another token"
