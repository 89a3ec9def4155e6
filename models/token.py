"""Secrets that a server asks for: read from the environment or from ``.env``, handed on by value, never written.

A ``.env`` in the working directory is read, not exported: child processes and crash reports do not see what is in it.
"""

import os
from pathlib import Path
from typing import Final

from dotenv import dotenv_values

from models.errors import ModelUnavailableError

HUB_NAMES: Final = ("HF_TOKEN", "HF_KEY")
OPENAI_NAMES: Final = ("OPENAI_API_KEY",)


def hub_token() -> str | None:
    """The token for the hub; None: the client takes that of `hf auth login`, if there is one.

    Raises:
        ModelUnavailableError: it holds what no token can hold.
    """
    return _secret(HUB_NAMES)


def openai_key() -> str | None:
    """The key for an OpenAI-compatible server; None: the server must do without.

    Raises:
        ModelUnavailableError: it holds what no key can hold.
    """
    return _secret(OPENAI_NAMES)


def _secret(names: tuple[str, ...]) -> str | None:
    """The first that is set and not blank; the environment goes before the file."""
    for source in (os.environ, dotenv_values(Path(".env"), interpolate=False)):
        for name in names:
            if value := (source.get(name) or "").strip():
                return _sendable(name, value)
    return None


def _sendable(name: str, value: str) -> str:
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ModelUnavailableError(f"{name} holds spaces or characters that no token has: copy the token again")
    return value
