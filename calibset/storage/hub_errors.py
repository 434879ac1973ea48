"""What failures of the hub mean and what to do about them, for reading and for writing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from calibset.storage.certificates import explain_untrusted
from calibset.storage.retry import TRANSIENT_STATUSES
from calibset.storage.transfer import TransferFailure

_LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
_GATED = f"the repository is gated; accept its terms on the hub, then {_LOG_IN}"
_MAY_NOT_READ = f"the hub answers {{status}}: you may not read it; {_LOG_IN}"
_NOTHING_THERE = "no such {kind} repository, or no such file in it; check its name and HF_ENDPOINT"
_NOT_WRITABLE = "the hub lets no repository be created or written here; check the name and HF_ENDPOINT"
_CHANGED = "the repository changed while the files were sent; push again"
_NO_ROOM = "the hub answers {status}: there is no room for the files; free some, or push elsewhere"
_ANY_OTHER = "the hub answers {status}; try again later"

# What the status of an answer means.
_REFUSALS = {
    "read": {401: _MAY_NOT_READ, 403: _MAY_NOT_READ, 404: _NOTHING_THERE, 410: _NOTHING_THERE},
    "write": {
        401: f"the hub doesn't accept the login; {_LOG_IN} to a token that may write",
        403: "this login may not write there; ask {owner} for write access, or use a token that has it",
        404: _NOT_WRITABLE,
        405: _NOT_WRITABLE,
        409: _CHANGED,
        412: _CHANGED,
        413: _NO_ROOM,
        507: _NO_ROOM,
    },
}
_CHECK_NETWORK = {
    "read": "check the network and HF_ENDPOINT, or build --offline from what is in the cache",
    "write": "check the network and HF_ENDPOINT; nothing that was not committed is there, so push again",
}
_BREAKS_OFF = "the download keeps breaking off; try again later"

# A name that doesn't resolve, or a port where nothing listens: such errors don't pass in seconds.
_LASTING = {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}
_LONGEST_REASON = 300


def explain_no_repository(kind: str) -> str:
    """Say that there is no such dataset or model repository, or none that this login may see."""
    return f"no such {kind} repository; check its name, or log in with `hf auth login` if it is private"


def explain_download_failure(commit: str, failure: TransferFailure) -> str:
    """Say why a file at a commit could not be downloaded, and what to do about it."""
    if failure.code == "GatedRepo":
        return _GATED
    if failure.code == "RepoNotFound" or failure.status == 401:
        return explain_no_repository("dataset")
    if failure.status == 404:
        return f"no such file at revision {commit}"
    if failure.status is not None:
        return _explain_refusal("read", failure.status, kind="dataset")
    if failure.untrusted:
        return failure.untrusted
    return (
        _BREAKS_OFF
        if failure.lost
        else f"the hub can't be reached ({failure.kind}); {_CHECK_NETWORK['read']}"
    )


def explain_read_error(error: BaseException, revision: str | None, kind: str = "dataset") -> str:
    """Say why a repository could not be read, and what to do about it.

    Args:
        error: What `huggingface_hub` raised.
        revision: The branch, tag or commit that was requested; None for the main branch.
        kind: What the repository holds: ``"dataset"`` or ``"model"``.
    """
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return _GATED
    if isinstance(error, errors.RepositoryNotFoundError):
        return explain_no_repository(kind)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"no revision {revision!r}; name a branch, tag or commit that is there"
    return _explain_error("read", error, kind=kind)


def explain_write_error(error: BaseException, repo_id: str) -> str:
    """Say why a repository could not be created or written, and what to do about it.

    Args:
        error: What `huggingface_hub` raised.
        repo_id: ``OWNER/NAME``.
    """
    from huggingface_hub.errors import LocalTokenNotFoundError

    if isinstance(error, LocalTokenNotFoundError):
        return f"there is no login; {_LOG_IN} to a token that may write"
    if isinstance(error, ValueError) and (reason := _reason(error)).startswith("Invalid metadata"):
        return f"the hub doesn't accept it ({reason}); check the languages and licences of the recipe"
    return _explain_error("write", error, owner=repo_id.partition("/")[0])


def is_missing_revision(error: BaseException) -> bool:
    """Return whether an error of `huggingface_hub` says that there is no such revision."""
    from huggingface_hub.errors import RevisionNotFoundError

    return isinstance(error, RevisionNotFoundError)


def is_transient(error: BaseException) -> bool:
    """Return whether an error of `huggingface_hub` may be gone a moment later."""
    status = _status(error)
    if status is not None:
        return status in TRANSIENT_STATUSES
    classes = _class_names(error)
    if is_silent(error):
        return False
    return _breaks_off(classes) or ("TransportError" in classes and not classes & _LASTING)


def is_silent(error: BaseException) -> bool:
    """Return whether an error of `huggingface_hub` says that the hub sent nothing for too long."""
    return "ReadTimeout" in _class_names(error)


@contextmanager
def quiet_hub() -> Iterator[None]:
    """Keep `huggingface_hub` from logging its own retries and warnings."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _explain_error(action: Literal["read", "write"], error: BaseException, **names: str) -> str:
    """Say what an error of `huggingface_hub` means that has no sentence of its own."""
    from huggingface_hub.errors import HFValidationError

    if isinstance(error, HFValidationError):
        return "is not a repository name; write OWNER/NAME, of letters, digits, . _ and - (neither -- nor ..)"
    status = _status(error)
    if status is not None:
        return _explain_refusal(action, status, **names)
    if untrusted := explain_untrusted(error):
        return untrusted
    classes = _class_names(error)
    if action == "read" and _breaks_off(classes):
        return _BREAKS_OFF
    if isinstance(error, OSError) or "TransportError" in classes:
        return f"the hub can't be reached ({_reason(error)}); {_CHECK_NETWORK[action]}"
    return f"the hub's answer can't be understood ({_reason(error)}); check HF_ENDPOINT"


def _explain_refusal(action: Literal["read", "write"], status: int, **names: str) -> str:
    return _REFUSALS[action].get(status, _ANY_OTHER).format(status=status, **names)


def _reason(error: BaseException) -> str:
    return " ".join((str(error) or type(error).__name__).split())[:_LONGEST_REASON]


def _breaks_off(classes: set[str]) -> bool:
    return bool(classes & {"ReadError", "RemoteProtocolError"})


def _status(error: BaseException) -> int | None:
    for raised in (error, error.__cause__):
        response: Any = getattr(raised, "response", None)
        if response is not None:
            return int(response.status_code)
    return None


def _class_names(error: BaseException) -> set[str]:
    """Return the names of an error's classes and its cause's."""
    # By name: httpx or its successor, whichever the installed huggingface_hub uses.
    raised = [known for known in (error, error.__cause__) if known is not None]
    return {cls.__name__ for known in raised for cls in type(known).__mro__}
