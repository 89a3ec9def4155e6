"""Who may see the live page: this machine, or whoever has the token."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

COOKIE: Final = "egoclean_token"

Verdict = Literal["allowed", "token", "refused", "misdirected"]
"""``token``: the address has the right token, which the browser is given as a cookie."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server."""

    is_local: bool
    """It listens on this machine only."""
    token: str = ""
    """Empty: none is needed."""

    def verdict(self, path: str, headers: Mapping[str, str]) -> Verdict:
        """Whether a request is answered.

        A page elsewhere can make a browser ask a server on this machine under a name of its own (DNS rebinding): a
        local server therefore answers only to the names of this machine.
        """
        if self.is_local and not names_this_machine(headers.get("Host", "")):
            return "misdirected"
        if not self.token:
            return "allowed"
        token = parse_qs(urlsplit(path).query).get("token", [""])[0]
        if secrets.compare_digest(token.encode(), self.token.encode()):
            return "token"
        return "allowed" if self._has_cookie(headers.get("Cookie", "")) else "refused"

    def _has_cookie(self, text: str) -> bool:
        try:
            morsel = SimpleCookie(text).get(COOKIE)
        except CookieError:
            return False
        return morsel is not None and secrets.compare_digest(morsel.value.encode(), self.token.encode())


def names_this_machine(host: str) -> bool:
    """Whether a Host header names the loopback interface, with any port."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def new_token() -> str:
    """A token that cannot be guessed: 128 random bits."""
    return secrets.token_urlsafe(16)
