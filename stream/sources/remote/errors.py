"""Turns errors of the storage clients into errors of a source: one sentence, with what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from models.errors import ModelUnavailableError
from models.weights.hub_client import RangeIgnoredError, http_library
from models.weights.hub_errors import cannot_use_cache, explain
from stream.errors import EgocleanError, ExitCode, NoRoomError, SourceError, exit_code_of, sentence_of
from stream.sources.address import scheme_of
from stream.sources.remote.address import HUB, parse_address

_CREDENTIALS = {
    "s3": "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a public bucket FSSPEC_S3_ANON=true",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS to a key file; for a public bucket FSSPEC_GS_TOKEN=anon",
}
"""By scheme: how its client finds credentials, in a few words."""


class WholeFilesOnlyError(SourceError):
    """The server does not serve parts of files."""


@contextmanager
def as_source_errors(name: str) -> Iterator[None]:
    """Turn any error of a storage client in the block into a sentence about ``name``, a remote address.

    Raises:
        SourceError: instead of the client's errors.
        NoRoomError: the disk is full.
    """
    try:
        yield
    except EgocleanError:
        raise
    except ModelUnavailableError as error:  # a malformed token
        raise SourceError(f"{name} cannot be read: {error}") from error
    except RangeIgnoredError as error:
        raise WholeFilesOnlyError(
            f"{name} cannot be read in parts, the server gives whole files only: fetch it with --cache-source"
        ) from error
    except Exception as error:
        raise (_of_hub if scheme_of(name) == HUB else _of_storage)(error, name) from error


def _of_hub(error: Exception, name: str) -> Exception:
    from huggingface_hub.errors import FileMetadataError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if isinstance(error, FileNotFoundError) and isinstance(error.__cause__, HfHubHTTPError | HFValidationError):
        return _of_hub(error.__cause__, name)  # HfFileSystem's wrapping adds nothing
    if isinstance(error, HFValidationError):
        return SourceError(f"{name} names nothing on the hub: OWNER and NAME have no such characters")
    unreadable = (http_library().HTTPError, ConnectionError, FileMetadataError, LocalEntryNotFoundError, ValueError)
    if isinstance(error, unreadable):
        return SourceError(f"{name} cannot be read: {explain(error, parse_address(name).data_set, 'dataset')}")
    return _of_this_machine(error, name) if isinstance(error, OSError) else error


def _of_storage(error: Exception, name: str) -> Exception:
    """Explain errors of S3, Google Cloud Storage and HTTP clients, which mostly raise OSError with their own text."""
    status = getattr(error, "status", None)
    credentials = _CREDENTIALS.get(scheme_of(name), "give user and password as http://USER:PASSWORD@HOST/PATH")
    if status == HTTPStatus.PRECONDITION_FAILED or "PreconditionFailed" in str(error):
        return SourceError(f"{name} has changed on the server while it was read: start over with --overwrite")
    if isinstance(error, PermissionError) or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return SourceError(f"{name} cannot be read: access is denied; {credentials}")
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        return SourceError(f"{name} cannot be read: no credentials were found; {credentials}")
    if isinstance(error, FileNotFoundError) or status == HTTPStatus.NOT_FOUND:
        return SourceError(f"{name} does not exist: name a clip, or a member of a tar as TAR::MEMBER")
    if exit_code_of(error) == ExitCode.NO_ROOM:
        return NoRoomError(sentence_of(error))
    reason = f"the server answered {status}" if status else f"{type(error).__name__}: {_without_address(error)}"
    return SourceError(f"{name} cannot be read: {reason}")


def _without_address(error: Exception) -> str:
    """The first line of a client's message, unless it may repeat an address, which may hold a password."""
    text = str(error).partition("\n")[0]
    return "no response" if "://" in text or "@" in text else text


def _of_this_machine(error: OSError, name: str) -> EgocleanError:
    if exit_code_of(error) == ExitCode.NO_ROOM:
        return NoRoomError(sentence_of(error))
    return SourceError(f"{name} cannot be stored: {cannot_use_cache(error)}")
