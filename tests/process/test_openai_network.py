"""The annotator that asks a server: what lies between them, and what is said when it lets nothing through."""

import logging
import socket
from pathlib import Path

import pytest

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure
from models.annotators.openai.annotator import OpenAIAnnotator, OpenAISettings
from models.annotators.openai.connection import _announce_unused_proxy
from models.errors import ModelUnavailableError
from tests.support.echo_server import MODEL
from tests.support.openai_requests import annotator, openai_server, segment
from tests.support.openai_server import ScriptedReply, serving
from tests.support.refusing_proxy import refusing_proxy

_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENAI_API_KEY")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no certificates, no key."""
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def asks(url: str) -> OpenAIAnnotator:
    return OpenAIAnnotator(OpenAISettings(url, MODEL))


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, "the proxy that HTTPS_PROXY names refuses to connect to it, '403"),
        (407, "the proxy that HTTPS_PROXY names refuses to connect to it, '407"),
    ],
)
def test_proxy_that_refuses_to_connect_ends_it(status: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One attempt is enough; the variable is named, and not its value."""
    with refusing_proxy(status) as (address, requests):
        monkeypatch.setenv("HTTPS_PROXY", address.replace("//", "//me:secret@"))
        with pytest.raises(ModelUnavailableError, match=message) as caught:
            list(asks("https://api.example.com/v1").annotate([segment()]))
    assert requests == ["api.example.com:443"]
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (403, r"refuses access \(403\): set OPENAI_API_KEY, or the proxy that HTTP_PROXY names refuses: add the host"),
        (407, r"the proxy that HTTP_PROXY names wants a user name and a password \(407\)"),
    ],
)
def test_proxy_that_refuses_a_request_is_named(status: int, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 403 may be the server's or the proxy's: both are named."""
    with refusing_proxy(status) as (address, requests):
        monkeypatch.setenv("HTTP_PROXY", address)
        with pytest.raises(ModelUnavailableError, match=message):
            list(asks("http://gpu.example.com:8000/v1").annotate([segment()]))
    assert requests == ["http://gpu.example.com:8000/v1/chat/completions"]


@pytest.mark.parametrize("url", ["http://gpu.example.com:8000/v1", "https://api.example.com/v1"])
def test_proxy_that_does_not_reach_the_server_is_named(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be there, and the proxy not know the way: a 503 is waited for, and the variable is named."""
    with refusing_proxy(503) as (address, requests):
        monkeypatch.setenv("ALL_PROXY", address)
        away = OpenAIAnnotator(OpenAISettings(url, MODEL, wait_s=0))
        sentence = r"\(through the proxy that ALL_PROXY names\) has been unreachable for 0 s"
        with pytest.raises(ModelUnavailableError, match=sentence):
            list(away.annotate([segment()]))
    assert len(requests) == 1


def test_server_on_this_machine_is_asked_without_a_proxy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The variable that would send it elsewhere is named, once."""
    _announce_unused_proxy.cache_clear()
    with refusing_proxy(403) as (address, requests), openai_server(tmp_path, monkeypatch) as server:
        monkeypatch.setenv("HTTP_PROXY", address)
        local = annotator(server)
        with caplog.at_level(logging.WARNING):
            for number in (1, 2):
                assert [type(each) for each in local.annotate([segment(number)])] == [AnnotationAnswer]
    sentence = f"{server.url} is on this machine: the proxy that HTTP_PROXY names is not used for it"
    assert (requests, caplog.messages) == ([], [sentence])


def test_unusable_environment_is_named_before_the_first_segment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(ValueError, match=r"SSL_CERT_FILE names /nowhere/ca[.]pem, which cannot be read"):
        asks("https://api.example.com/v1")


def test_name_that_no_host_has_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not waited for, unlike a host that does not respond."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ModelUnavailableError, match="has a name that no host has: check --annotator-url"):
        list(asks("http://no-such-host.example:8000/v1").annotate([segment()]))


def test_server_without_tls_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that begins with https:// by mistake is not waited for."""
    monkeypatch.chdir(tmp_path)
    with serving() as server, pytest.raises(ModelUnavailableError, match=r"does not speak TLS .* http://\?"):
        list(asks(server.url.replace("http:", "https:")).annotate([segment()]))


@pytest.mark.parametrize("charset", ["zlib", "rot13", "idna", "undefined", "utf-16", "\xe9"])
@pytest.mark.parametrize("status", [200, 400])
def test_charset_of_a_reply_is_not_believed(
    charset: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON is UTF-8, whatever codec of Python's a header names; an answer is read, and so is an error."""
    with openai_server(tmp_path, monkeypatch) as server:
        body = None if status == 200 else '{"error": {"message": "m"}}'
        reply = ScriptedReply(status, body, headers={"Content-Type": f"application/json; charset={charset}"})
        server.replies = [reply]
        (outcome,) = annotator(server).annotate([segment()])
    reason = outcome.reason if isinstance(outcome, AnnotationFailure) else ""
    assert reason == ("" if status == 200 else "the server refuses the request with 400: 'm'")


def test_header_beyond_ascii_costs_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with openai_server(tmp_path, monkeypatch) as server:
        server.replies = [ScriptedReply(headers={"X-Server": "caf\xe9"})]
        (outcome,) = annotator(server).annotate([segment()])
    assert isinstance(outcome, AnnotationAnswer)


@pytest.mark.parametrize("place", ["/v1/chat/completions", "ftp://127.0.0.1/", "file:///etc/hostname"])
def test_redirects_to_nowhere_end_it(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A circle, and what is no server: one request, with its redirects, is enough."""
    with openai_server(tmp_path, monkeypatch) as server:
        server.refuses = lambda _: ScriptedReply(307, "", headers={"Location": place})
        with pytest.raises(ModelUnavailableError, match=r"redirects requests in a circle, .*: check --annotator-url$"):
            list(annotator(server).annotate([segment()]))
    assert len(server.requests) == (21 if place.startswith("/") else 1)


@pytest.mark.parametrize(
    "environment",
    [{"NO_PROXY": "127.0.0.1:{port}"}, {"http_proxy": ""}],
)
def test_request_takes_the_way_that_messages_name(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no variable is named, no proxy is used; where one is, it is."""
    with openai_server(tmp_path, monkeypatch) as server, refusing_proxy(407) as (address, requests):
        monkeypatch.setattr("models.annotators.openai.environment.is_loopback", lambda _: False)
        monkeypatch.setenv("HTTP_PROXY", address)
        with pytest.raises(ModelUnavailableError, match="the proxy that HTTP_PROXY names wants a user name"):
            list(annotator(server).annotate([segment()]))
        port = server.url.split(":")[2].removesuffix("/v1")
        for name, value in environment.items():
            monkeypatch.setenv(name, value.format(port=port))
        (outcome,) = annotator(server).annotate([segment()])
    assert isinstance(outcome, AnnotationAnswer)
    assert len(requests) == 1


@pytest.mark.parametrize(
    "place", ["http://192.0.2.1:9/v1/chat/completions", "https://example.com/v1", "http://x.localhost/v1"]
)
def test_offline_follows_no_redirect_to_another_machine(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent there, and no host is looked up; the message names it."""
    with openai_server(tmp_path, monkeypatch) as server:
        server.refuses = lambda _: ScriptedReply(307, "", headers={"Location": place})
        monkeypatch.setattr(socket, "getaddrinfo", _no_lookup)
        host = place.split("/")[2].partition(":")[0]
        with pytest.raises(ModelUnavailableError, match=f"redirects requests to '{host}', and --offline forbids"):
            list(annotator(server, offline=True).annotate([segment()]))
    assert len(server.requests) == 1


def test_offline_follows_a_redirect_on_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server does that adds a slash."""
    with openai_server(tmp_path, monkeypatch) as server:
        server.replies = [ScriptedReply(308, "", headers={"Location": f"{server.url}/chat/completions"})]
        (outcome,) = annotator(server, offline=True).annotate([segment()])
    assert isinstance(outcome, AnnotationAnswer)


def _no_lookup(host: object, *_: object, **__: object) -> list[object]:
    """Fail a look-up of a host that is not this machine."""
    if host == "127.0.0.1":
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", _[0]))]
    raise AssertionError(f"{host} was looked up")
