"""Who may see the live page: this machine, or whoever has the token."""

import re
import secrets
from dataclasses import dataclass
from email.message import Message
from hashlib import sha256
from ipaddress import ip_address
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit

_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)

Verdict = Literal["allowed", "token", "refused", "misdirected"]
"""``token``: the address has the right token, which the browser is given as a cookie."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules of one server."""

    is_local: bool
    """It listens on this machine only."""
    token: str = ""
    """Empty: none is needed."""

    @property
    def cookie(self) -> str:
        """Name of the cookie, another one for another token: browsers send a host's cookies to all of its ports."""
        return f"egoclean_{sha256(self.token.encode()).hexdigest()[:12]}"

    def verdict(self, query: str, headers: Message) -> Verdict:
        """Whether a request with this query and these headers is answered.

        A page elsewhere can make a browser ask a server on this machine under a name of its own (DNS rebinding): a
        local server therefore answers only to the names of this machine.
        """
        if self.is_local and not names_this_machine(headers.get("Host", "")):
            return "misdirected"
        if not self.token:
            return "allowed"
        token = parse_qs(query).get("token", [""])[0]
        if secrets.compare_digest(token.encode(), self.token.encode()):
            return "token"
        return "allowed" if self._has_cookie(headers.get("Cookie", "")) else "refused"

    def _has_cookie(self, text: str) -> bool:
        """Whether one of the cookies is ours; those of other programs on this host may have any form."""
        own = f"{self.cookie}={self.token}".encode()
        return any(secrets.compare_digest(each.strip().encode(), own) for each in text.split(";"))


def names_this_machine(host: str) -> bool:
    """Whether a Host header names the loopback interface, with any port."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:  # such as [::1
        return False
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def is_token(text: str) -> bool:
    """Whether a token can stand in an address and in a cookie as it is."""
    return _TOKEN.fullmatch(text) is not None


def new_token() -> str:
    """A token that cannot be guessed: 128 random bits."""
    return secrets.token_urlsafe(16)
