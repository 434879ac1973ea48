"""The environment variables that calibset listens to; the documentation's table is made from them."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of the environment.

    Attributes:
        name: Its name.
        meaning: What it sets, in Markdown.
        reader: The library that reads it on calibset's behalf; empty if calibset reads it itself.
    """

    name: str
    meaning: str
    reader: str = ""

    def read(self) -> str:
        """Return its value; empty if it isn't set."""
        return os.environ.get(self.name, "")


DATA = Variable(
    "CALIBSET_DATA",
    "the folder in which relative locations of a recipe are looked up first, as `--data` names it",
)
MIRRORS = Variable(
    "CALIBSET_MIRRORS",
    "mirrors of https locations, as `--mirror` names them, separated by blanks; those of the command line "
    "come first",
)
CACHE = Variable(
    "CALIBSET_CACHE",
    "the folder that keeps what was read from servers; else `HF_HOME/calibset`, else the system's "
    "folder of caches for calibset",
)
TIMEOUT = Variable(
    "CALIBSET_TIMEOUT", "the seconds that a server may send nothing, from 0.1 to 3,600 (default: 30)"
)
API_KEY = Variable("CALIBSET_API_KEY", "the key of the server that `evaluate` and `compare` ask")
HUB_ENDPOINT = Variable("HF_ENDPOINT", "the hub's address, if it is another one", "huggingface_hub")
HUB_TOKEN = Variable(
    "HF_TOKEN", "the login of the hub, for repositories that are gated or private", "huggingface_hub"
)
HUB_HOME = Variable(
    "HF_HOME",
    "the folder of Hugging Face's libraries; its folder `calibset` is the cache, and a login is found in it",
)
HUB_OFFLINE = Variable("HF_HUB_OFFLINE", "`1`: contact no server, as with `--offline`")
CERTIFICATES = Variable(
    "SSL_CERT_FILE", "the file of the certificates that are trusted (PEM), such as those of a company's proxy"
)
CERTIFICATE_FOLDER = Variable("SSL_CERT_DIR", "a folder of such certificates")
CERTIFICATE_BUNDLE = Variable(
    "REQUESTS_CA_BUNDLE",
    "the same, as many machines have it set already",
)
CURL_BUNDLE = Variable("CURL_CA_BUNDLE", "the same")
PROXY = Variable("HTTPS_PROXY", "the proxy through which servers are asked", "requests")
NO_PROXY = Variable("NO_PROXY", "the hosts that are asked without the proxy, separated by commas", "requests")
NO_COLOUR = Variable("NO_COLOR", "anything: print without colours", "rich")

VARIABLES = (
    DATA, MIRRORS, CACHE, TIMEOUT, API_KEY, HUB_ENDPOINT, HUB_TOKEN, HUB_HOME, HUB_OFFLINE, CERTIFICATES,
    CERTIFICATE_FOLDER, CERTIFICATE_BUNDLE, CURL_BUNDLE, PROXY, NO_PROXY, NO_COLOUR,
)  # fmt: skip
"""All of them, in the order of the documentation."""
