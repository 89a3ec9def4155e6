"""Tokens and keys for servers: read from the environment, passed on by value, never written.

The hub's token alone may also stand in a ``.env`` in the working directory, which is read, not exported: child
processes and crash reports do not see what is in it.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from models.errors import ModelUnavailableError

HUB_NAMES: Final = ("HF_TOKEN", "HF_KEY")
OPENAI_NAME: Final = "OPENAI_API_KEY"


def hub_token() -> str | None:
    """The token for the hub, the environment's before the file's.

    None: the client takes that of `hf auth login`, if there is one.

    Raises:
        ModelUnavailableError: it holds what no token can hold.
    """
    return _secret(os.environ, HUB_NAMES) or _secret(dotenv_values(Path(".env"), interpolate=False), HUB_NAMES)


def openai_key() -> str | None:
    """The key for an OpenAI-compatible server, from the environment only; None: no key is sent.

    Raises:
        ModelUnavailableError: it holds what no key can hold.
    """
    return _secret(os.environ, (OPENAI_NAME,))


def _secret(source: Mapping[str, str | None], names: tuple[str, ...]) -> str | None:
    """The first that is set and not blank."""
    for name in names:
        if value := (source.get(name) or "").strip():
            return _sendable(name, value)
    return None


def _sendable(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ModelUnavailableError(f"{name} holds spaces or characters that no token has: copy the token again")
    return value
