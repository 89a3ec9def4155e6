"""The errors of the hub's client as errors of a source."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.errors import ModelUnavailableError
from models.weights.hub.refusals import cannot_use_cache, explain
from stream.errors import EgocleanError, ExitCode, NoRoomError, SourceError, exit_code_of, sentence_of
from stream.sources.remote.address import parse_address


@contextmanager
def told(name: str) -> Iterator[None]:
    """Whatever the hub's client raises in the block becomes a sentence about ``name``, an address on the hub.

    Raises:
        SourceError: instead of the client's errors.
        NoRoomError: the disk is full.
    """
    import httpx2
    from huggingface_hub.errors import FileMetadataError, HFValidationError, LocalEntryNotFoundError

    of_the_hub = httpx2.HTTPError | ConnectionError | FileMetadataError | LocalEntryNotFoundError
    try:
        yield
    except ModelUnavailableError as error:  # a token that is none
        raise SourceError(f"{name} cannot be read: {error}") from error
    except HFValidationError as error:
        raise SourceError(f"{name} names nothing on the hub: OWNER and NAME have no such characters") from error
    except (httpx2.HTTPError, OSError, ValueError) as error:
        if isinstance(error, OSError) and not isinstance(error, of_the_hub):
            raise _of_this_machine(error, name) from error
        data_set = parse_address(name).data_set
        raise SourceError(f"{name} cannot be read: {explain(error, data_set, 'dataset')}") from error


def _of_this_machine(error: OSError, name: str) -> EgocleanError:
    if exit_code_of(error) == ExitCode.NO_ROOM:
        return NoRoomError(sentence_of(error))
    return SourceError(f"{name} cannot be kept here: {cannot_use_cache(error)}")
