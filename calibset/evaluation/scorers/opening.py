"""The scorer of a target: which program serves at an address, or the model in a folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibset.core.errors import RecipeError
from calibset.evaluation.scorers.base import Scorer
from calibset.evaluation.scorers.local import Dtype, LocalScorer
from calibset.evaluation.scorers.server import Server, ServerError
from calibset.evaluation.scorers.sglang import SglangScorer, find_model_info
from calibset.evaluation.scorers.vllm import VllmScorer

_WORKERS = 8


def is_server(target: str) -> bool:
    """Return whether a target is the address of a server."""
    return target.startswith(("http://", "https://"))


def open_scorer(
    target: str,
    *,
    model: str | None = None,
    workers: int | None = None,
    dtype: Dtype = "auto",
    device: str | None = None,
    batch: int | None = None,
) -> Scorer:
    """Return what gives a target's log probabilities.

    Args:
        target: The address of a vLLM or SGLang server, or a model's folder.
        model: The name of the model, where a server has several.
        workers: How many requests run at once.
        dtype: What a model in a folder computes in.
        device: What a model in a folder runs on.
        batch: How many windows are given to a model in a folder at once.

    Raises:
        CalibsetError: There is no such server, folder or model.
    """
    if not is_server(target):
        if model is not None or workers is not None:
            raise RecipeError("--model and --concurrency are for a server; the target is a folder")
        return LocalScorer.open(target, dtype=dtype, device=device, batch=batch)
    if dtype != "auto" or device is not None or batch is not None:
        raise RecipeError("--dtype, --device and --batch are for a model's folder; the target is a server")
    return _open_server(Server.open(target), model, workers or _WORKERS)


def _open_server(server: Server, model: str | None, workers: int) -> Scorer:
    # Both list models as OpenAI does; only SGLang tells more of its own.
    if (about := find_model_info(server)) is not None:
        return SglangScorer.open(server, about, model, workers)
    listed = server.find("/v1/models")
    models = _read_models(listed)
    if models and any(one.get("owned_by") == "vllm" for one in models):
        return VllmScorer.open(server, models, model, workers)
    owners = sorted({str(one.get("owned_by")) for one in models})
    said = f"its models are owned by {', '.join(owners)}" if owners else "it lists no models"
    raise ServerError(
        f"{server.url}: is neither vLLM nor SGLang ({said}); other servers give no prompt logprobs"
    )


def _read_models(listed: Any) -> list[Mapping[str, Any]]:
    data = listed.get("data") if isinstance(listed, Mapping) else None
    return [one for one in data if isinstance(one, Mapping) and "id" in one] if isinstance(data, list) else []
