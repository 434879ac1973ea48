"""A company's certificates, with a server whose certificate a self-made authority has signed."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from huggingface_hub import close_session, constants

from calibset.core.errors import SourceError
from calibset.storage.cache import Cache
from calibset.storage.certificates import explain_untrusted, find_certificates, hub_certificates
from calibset.storage.https import UrlReader
from calibset.storage.hub import HubReader
from tests.storage.loopback import Loopback, serving, use_as_hub

NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    """The file of the company's certificates."""
    path = tmp_path / "company.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def server(authority: trustme.CA) -> Iterator[Loopback]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with serving(context) as loopback:
        loopback.files["/a.txt"] = b"from a server"
        loopback.repositories["owner/name"] = {"b.txt": b"from the hub"}
        yield loopback


@pytest.fixture(autouse=True)
def _own_environment(server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No variable is set, and huggingface_hub opens its connection anew."""
    for name in (*NAMES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    use_as_hub(
        server.address,
        str(tmp_path / "hub"),
        lambda name, value: monkeypatch.setattr(constants, name, value),
    )
    close_session()
    yield
    close_session()


def read_url(server: Loopback) -> bytes:
    (file,) = UrlReader("https://example.org/a.txt", server.address + "/a.txt", Cache.default()).files()
    with file.open_bytes() as stream:
        return stream.read()


def read_hub() -> bytes:
    reader = HubReader("hf://datasets/owner/name", "owner/name", Cache.default())
    (file,) = reader.files("*")  # huggingface_hub asks, through httpx
    with file.open_bytes() as stream:  # and requests fetches
        return stream.read()


@pytest.mark.parametrize("name", NAMES)
def test_one_variable_serves_both_libraries(
    name: str, server: Loopback, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, str(bundle))
    before = dict(os.environ)
    assert read_url(server) == b"from a server"
    assert read_hub() == b"from the hub"
    assert dict(os.environ) == before


def test_each_library_keeps_the_variable_of_its_own(
    server: Loopback, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other))
    assert HubReader("hf://datasets/owner/name", "owner/name", Cache.default()).is_there()
    with pytest.raises(SourceError, match="the server's certificate isn't trusted"):
        read_url(server)


def test_a_server_that_is_not_trusted_is_told_with_what_to_do(server: Loopback) -> None:
    for read in (lambda: read_url(server), read_hub):
        with pytest.raises(SourceError) as caught:
            read()
        assert str(caught.value).split(": ", 2)[-1] == (
            "the server's certificate isn't trusted (unable to get local issuer certificate); if it is your "
            "company's, name the file of the company's certificates with SSL_CERT_FILE=FILE"
        )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "fault"), [(None, "there is no such file"), (b"no PEM\n", "holds no certificate in PEM")]
)
def test_a_file_without_certificates_is_an_error(
    name: str, content: bytes | None, fault: str, server: Loopback, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    path = tmp_path / "missing.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(name, str(path))
    said = f"{name}={path}: {fault}; name the file of your company's certificates, or unset {name}"
    for read in (lambda: read_url(server), read_hub):
        with pytest.raises(SourceError) as caught:
            read()
        assert str(caught.value) == said


def test_a_folder_of_certificates_serves_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with hub_certificates():
        assert os.environ["SSL_CERT_DIR"] == str(tmp_path)
    assert "SSL_CERT_DIR" not in os.environ
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert find_certificates() == str(tmp_path)


def test_what_is_no_fault_of_a_certificate_is_not_explained() -> None:
    assert explain_untrusted(OSError("Connection refused")) is None
