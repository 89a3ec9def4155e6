"""A proxy or certificates of the environment that cannot be used are named before any request."""

from pathlib import Path

import pytest

from models.annotators.openai.environment import check_environment, check_url, proxy_of, unused_proxy

REMOTE, SECURE, LOCAL = "http://gpu:8000/v1", "https://api.example.com/v1", "http://localhost:8000/v1"


@pytest.mark.parametrize(
    ("url", "environment", "name"),
    [
        (REMOTE, {}, None),
        (REMOTE, {"HTTP_PROXY": "http://proxy:3128"}, "HTTP_PROXY"),
        (REMOTE, {"HTTPS_PROXY": "http://proxy:3128"}, None),
        (SECURE, {"https_proxy": "http://proxy:3128"}, "https_proxy"),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, "https_proxy"),
        (SECURE, {"ALL_PROXY": "socks5://proxy:1080"}, "ALL_PROXY"),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "http://b:2"}, "HTTPS_PROXY"),
        (SECURE, {"HTTPS_PROXY": ""}, None),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "other.org, .example.com"}, None),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "no_proxy": "*"}, None),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, None),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "api.example.com:443"}, None),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "api.example.com:8443"}, "HTTPS_PROXY"),
        (SECURE, {"HTTPS_PROXY": "http://a:1", "NO_PROXY": "*", "no_proxy": ""}, "HTTPS_PROXY"),
        (LOCAL, {"HTTP_PROXY": "http://proxy:3128"}, None),
        ("http://127.0.0.1:8000/v1", {"HTTP_PROXY": "http://proxy:3128"}, None),
        ("http://[::1]:8000/v1", {"HTTP_PROXY": "http://proxy:3128"}, None),
    ],
)
def test_variable_of_the_proxy_is_found(url: str, environment: dict[str, str], name: str | None) -> None:
    """Small letters come before capitals, the scheme's before that of all; a server on this machine has no proxy."""
    variable = proxy_of(url, environment)
    assert (variable and variable.name) == name


def test_proxy_of_a_local_server_is_not_used() -> None:
    """It is known which variable is left out of account."""
    variable = unused_proxy(LOCAL, {"HTTP_PROXY": "http://proxy:3128"})
    assert variable is not None
    assert variable.name == "HTTP_PROXY"
    assert unused_proxy(LOCAL, {"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost"}) is None
    assert unused_proxy(REMOTE, {"HTTP_PROXY": "http://proxy:3128"}) is None


@pytest.mark.parametrize(
    ("url", "environment", "message"),
    [
        (
            SECURE,
            {"HTTPS_PROXY": "socks5://me:secret@proxy:1080"},
            "HTTPS_PROXY names a SOCKS .* socksio",
        ),
        (
            SECURE,
            {"ALL_PROXY": "socks4://proxy:1080"},
            "ALL_PROXY names a proxy of the kind 'socks4', expected",
        ),
        (REMOTE, {"http_proxy": "http://me:secret@:3128"}, "http_proxy is not the address of a proxy, such as http"),
        (REMOTE, {"HTTP_PROXY": "http://proxy:secret"}, "HTTP_PROXY is not the address of a proxy"),
        (SECURE, {"SSL_CERT_FILE": "/nowhere/ca.pem"}, "SSL_CERT_FILE names /nowhere/ca.pem, which cannot be read"),
        (SECURE, {"SSL_CERT_DIR": "/nowhere"}, "SSL_CERT_DIR names /nowhere, which cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named(
    url: str, environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the variable, without a password."""
    monkeypatch.setattr("models.annotators.openai.environment.find_spec", lambda _: None)
    with pytest.raises(ValueError, match=message) as caught:
        check_environment(url, environment)
    assert "secret" not in str(caught.value)


def test_file_without_certificates_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("no certificate\n")
    with pytest.raises(ValueError, match=r"SSL_CERT_FILE names .*, which holds no certificates: correct or unset it"):
        check_environment(SECURE, {"SSL_CERT_FILE": str(path)})


@pytest.mark.parametrize(
    ("url", "environment"),
    [
        (LOCAL, {"SSL_CERT_FILE": "/nowhere", "HTTP_PROXY": "socks4://proxy"}),
        (REMOTE, {"SSL_CERT_FILE": "/nowhere", "HTTPS_PROXY": "socks4://proxy"}),
        (SECURE, {"HTTPS_PROXY": "proxy:3128"}),
        (SECURE, {}),
    ],
)
def test_what_is_not_needed_is_not_checked(url: str, environment: dict[str, str]) -> None:
    check_environment(url, environment)


@pytest.mark.parametrize(
    "url", ["http://gpu:0/v1", "http://gpu:99999/v1", "http://gpu:x/v1", "http://[gpu/v1", "gpu:8000"]
)
def test_address_that_is_none_is_named(url: str) -> None:
    """One sentence names it, also where it cannot even be divided into its parts."""
    with pytest.raises(ValueError, match="is not that of a server: expected one like http://localhost:8000/v1"):
        check_url(url)
