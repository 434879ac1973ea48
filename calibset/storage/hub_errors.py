"""What the hub's refusals mean, and what to do about them."""

from __future__ import annotations

from typing import Any

from calibset.storage.http import TransferFailure
from calibset.storage.retry import PASSING_STATUS

_GATED = (
    "the repository is gated; accept its terms on the hub, then log in with `hf auth login` or set HF_TOKEN"
)
_BREAKS_OFF = "the download breaks off again and again; try again later"
_OFFLINE = "check the network and HF_ENDPOINT, or build --offline from what is in the cache"
# A name that doesn't resolve or a port where nobody listens does not mend in seconds.
_LASTING = {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}


def no_repository(kind: str) -> str:
    """Say that there is no such repository of a kind, or none that this login may see."""
    return f"no such {kind} repository; check its name, or log in with `hf auth login` if it is private"


def data_trouble(commit: str, trouble: TransferFailure) -> str:
    """Say what is wrong where a file's bytes did not come.

    Args:
        commit: The commit that was asked for.
        trouble: What went wrong.
    """
    if trouble.code == "GatedRepo":
        return _GATED
    if trouble.code == "RepoNotFound" or trouble.status == 401:
        return no_repository("dataset")
    if trouble.status == 404:
        return f"no such file at revision {commit}"
    if trouble.status is not None:
        return _answers(trouble.status, "dataset")
    return _BREAKS_OFF if trouble.lost else f"the hub can't be reached ({trouble.kind}); {_OFFLINE}"


def api_trouble(error: BaseException, asked: str | None, kind: str = "dataset") -> str:
    """Say what is wrong where the hub did not tell what it holds.

    Args:
        error: What `huggingface_hub` raised.
        asked: The revision that was asked for.
        kind: What the repository holds: a dataset or a model.
    """
    from huggingface_hub import errors

    if isinstance(error, errors.GatedRepoError):
        return _GATED
    if isinstance(error, errors.RepositoryNotFoundError):
        return no_repository(kind)
    if isinstance(error, errors.RevisionNotFoundError):
        return f"no revision {asked!r}; name a branch, tag or commit that is there"
    status = _status(error)
    return _unanswered(error) if status is None else _answers(status, kind)


def _unanswered(error: BaseException) -> str:
    if _breaks_off(error):
        return _BREAKS_OFF
    reason = (str(error) or type(error).__name__).splitlines()[0]
    if not isinstance(error, OSError) and "TransportError" not in _kinds(error):
        return f"the hub's answer can't be understood ({reason}); check HF_ENDPOINT"
    return f"the hub can't be reached ({reason}); {_OFFLINE}"


def is_missing(error: BaseException) -> bool:
    """Return whether an error of `huggingface_hub` says that there is no such revision."""
    from huggingface_hub.errors import RevisionNotFoundError

    return isinstance(error, RevisionNotFoundError)


def is_passing(error: BaseException) -> bool:
    """Return whether an error of `huggingface_hub` may not come again a moment later."""
    status = _status(error)
    if status is not None:
        return status in PASSING_STATUS
    kinds = _kinds(error)
    return _breaks_off(error) or ("TransportError" in kinds and not kinds & _LASTING)


def _answers(status: int, kind: str) -> str:
    if status in (404, 410):
        return f"no such {kind} repository, or no such file in it; check its name and HF_ENDPOINT"
    if status in (401, 403):
        return f"the hub answers {status}: you may not read it; log in with `hf auth login` or set HF_TOKEN"
    return f"the hub answers {status}; try again later"


def _breaks_off(error: BaseException) -> bool:
    return bool(_kinds(error) & {"ReadError", "RemoteProtocolError"})


def _status(error: BaseException) -> int | None:
    for one in (error, error.__cause__):
        response: Any = getattr(one, "response", None)
        if response is not None:
            return int(response.status_code)
    return None


def _kinds(error: BaseException) -> set[str]:
    # By name: httpx or its successor, whichever the installed huggingface_hub uses.
    return {cls.__name__ for one in (error, error.__cause__) if one is not None for cls in type(one).__mro__}
