"""The session of requests to servers, whose redirects take no login along and don't leave https."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urljoin, urlsplit

import requests


class RefusedRedirectError(requests.RequestException):
    """A server leads from https to another scheme, to what is no URL, or nowhere."""


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return the URL that an answer leads to, if it leads on."""
        try:
            target = super().get_redirect_target(resp)
            urlsplit(urljoin(resp.url, target or "")).port  # noqa: B018  (raises if it is no number)
        except ValueError as error:
            resp.close()
            raise RefusedRedirectError("the server leads to what is no URL") from error
        if resp.status_code // 100 == 3 and not target:  # whose own content would pass for the file
            resp.close()
            raise RefusedRedirectError(f"the server answers {resp.status_code} and leads nowhere")
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Drop the login where a redirect leads to another host."""
        old, new = response.request.url or "", prepared_request.url or ""
        if urlsplit(old).scheme == "https" and urlsplit(new).scheme != "https":
            # What answers on a machine's own network, and asks nobody who they are, has no https.
            scheme = urlsplit(new).scheme
            raise RefusedRedirectError(f"the server leads from https to {scheme}, which is not followed")
        # Nor is one of ~/.netrc taken, as requests does: where a server leads is no wish of the user's.
        if self.should_strip_auth(old, new):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop("Authorization", None)


@lru_cache
def open_session(certificates: str | None = None) -> requests.Session:
    """Return the session that keeps connections open between requests.

    Args:
        certificates: The file or folder of the certificates that are trusted; the usual ones if None.
    """
    session = _Session()
    session.verify = certificates or True
    # Otherwise a login in ~/.netrc, which many have for git, would replace the hub's.
    session.auth = lambda request: request
    return session
