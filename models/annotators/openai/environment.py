"""What can be wrong before any request: the address of a server, and the environment's proxy and certificates."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it on Linux

_SCHEMES: Final = ("http", "https", "socks5", "socks5h")
_PORTS: Final = {"http": 80, "https": 443}
_SOCKS: Final = "socks"
_CERTIFICATES: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True, slots=True)
class ProxyVariable:
    """The environment variable that sends requests to a server through a proxy."""

    name: str
    value: str
    """The proxy's address, which may hold a password: it is not printed."""

    @property
    def url(self) -> str:
        """The address with its scheme, which is http where the variable has none."""
        return self.value if "://" in self.value else f"http://{self.value}"


def proxy_of(url: str, environment: Mapping[str, str] = os.environ) -> ProxyVariable | None:
    """The variable whose proxy requests to ``url`` go through; None if they go directly."""
    return None if is_loopback(url) else _proxy_of(url, environment)


def unused_proxy(url: str, environment: Mapping[str, str] = os.environ) -> ProxyVariable | None:
    """The variable that names a proxy for ``url``, although it is a server on this machine; None if there is none."""
    return _proxy_of(url, environment) if is_loopback(url) else None


def is_loopback(url: str) -> bool:
    """Whether a server is on this machine, by its address; other names are not resolved."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_this_machine(url: str) -> bool:
    """Whether nothing of a request to a server leaves this machine: its host is ``localhost`` or a loopback address."""
    host = urlsplit(url).hostname or ""
    return host == "localhost" or (is_loopback(url) and not host.endswith(".localhost"))


def check_url(url: str) -> None:
    """Check that an address is one, and holds no secret.

    Raises:
        ValueError: it is not one, or it holds a secret.
    """
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in _PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(f"the address {url!r} is not that of a server: expected one like http://localhost:8000/v1")
    if parts.username or parts.password or parts.query:
        raise ValueError(f"the address of {parts.hostname} holds more than an address: a key belongs in OPENAI_API_KEY")


def check_environment(url: str, environment: Mapping[str, str] = os.environ) -> None:
    """Check that the proxy and the certificates which the environment names can be used for ``url``.

    Raises:
        ValueError: one cannot; the message names the variable.
    """
    variable = proxy_of(url, environment)
    if variable is not None:
        _check_proxy(variable)
    for name in _CERTIFICATES:
        path = environment.get(name)
        if path and (urlsplit(url).scheme == "https" or (variable and variable.value.startswith("https:"))):
            _check_certificates(name, path)


def _proxy_of(url: str, environment: Mapping[str, str]) -> ProxyVariable | None:
    """As curl and Python's clients find it: the variable of the scheme, else of all, in small or capital letters.

    Small letters count, even if empty. An entry of NO_PROXY may name a port.
    """
    parts = urlsplit(url)
    lower = {name.lower(): ProxyVariable(name, value) for name, value in sorted(environment.items())}
    known = {name: variable for name, variable in lower.items() if variable.value}
    place = f"{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"
    if "no_proxy" in known and proxy_bypass_environment(place, {"no": known["no_proxy"].value}):
        return None
    return known.get(f"{parts.scheme}_proxy") or known.get("all_proxy")


def _check_proxy(variable: ProxyVariable) -> None:
    scheme = variable.url.partition("://")[0]
    if scheme.lower() not in _SCHEMES:
        raise ValueError(
            f"{variable.name} names a proxy of the kind {scheme[:20]!r}, expected one of {', '.join(_SCHEMES)}"
        )
    try:
        parts = urlsplit(variable.url)
        is_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise ValueError(
            f"{variable.name} is not the address of a proxy, such as http://proxy:3128: correct or unset it"
        )
    if scheme.lower().startswith(_SOCKS) and find_spec("socksio") is None:
        raise ValueError(
            f"{variable.name} names a SOCKS proxy, which needs the Python package socksio: pip install socksio, "
            "or name a proxy that begins with http://"
        )


def _check_certificates(name: str, path: str) -> None:
    try:
        if name.endswith("DIR"):
            next(Path(path).iterdir(), None)
        else:
            ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        reason = "holds no certificates" if isinstance(error, ssl.SSLError) else f"cannot be read ({error.strerror})"
        raise ValueError(f"{name} names {path}, which {reason}: correct or unset it") from error
