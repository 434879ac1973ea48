"""Certificates of a company's own: one variable of the environment serves both libraries that ask servers."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from calibset.core.environment import CERTIFICATE_BUNDLE, CERTIFICATE_FOLDER, CERTIFICATES, CURL_BUNDLE
from calibset.core.errors import SourceError

# What requests reads; httpx, with which huggingface_hub asks, reads the other two.
_BUNDLES = (CERTIFICATE_BUNDLE, CURL_BUNDLE)
_UNTRUSTED = re.compile(r"certificate verify failed(?:: (?P<reason>[^(\n]*[^(\s]))?", re.IGNORECASE)


def find_certificates() -> str | None:
    """Return the file or folder of certificates for requests that the environment names; None if none is.

    Raises:
        SourceError: There is no such file, or no certificate in it.
    """
    for variable in (*_BUNDLES, CERTIFICATES):
        if path := variable.read():
            _check(variable.name, path)
            return path
    folder = CERTIFICATE_FOLDER.read()
    return folder if os.path.isdir(folder) else None  # noqa: PTH112  (it may be several, which is no path)


@contextmanager
def hub_certificates() -> Iterator[None]:
    """Let huggingface_hub find what is named for requests, and leave the environment as it was.

    Raises:
        SourceError: There is no such file, or no certificate in it.
    """
    named = next((variable for variable in (CERTIFICATES, *_BUNDLES) if variable.read()), None)
    if named is None:
        yield
        return
    path = named.read()
    _check(named.name, path)
    added = CERTIFICATE_FOLDER if Path(path).is_dir() else CERTIFICATES
    if named is CERTIFICATES or added.read():
        yield
        return
    os.environ[added.name] = path
    try:
        yield
    finally:
        os.environ.pop(added.name, None)


def explain_untrusted(error: BaseException) -> str | None:
    """Return what to do if a connection failed because of the server's certificate; else None."""
    found = _UNTRUSTED.search(str(error))
    if found is None:
        return None
    reason = f" ({found['reason']})" if found["reason"] else ""
    return (
        f"the server's certificate isn't trusted{reason}; if it is your company's, name the file of the "
        f"company's certificates with {CERTIFICATES.name}=FILE"
    )


@lru_cache
def _check(name: str, path: str) -> None:
    if os.path.isdir(path):  # noqa: PTH112  (Path.is_dir raises on a name too long)
        return
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        fault = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else "there is no such file"
        if isinstance(error, PermissionError):
            fault = "can't be read"
        raise SourceError(
            f"{name}={path}: {fault}; name the file of your company's certificates, or unset {name}"
        ) from error
