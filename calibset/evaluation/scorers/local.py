"""A folder of weights, run by transformers on this machine's processor or its graphics card."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from calibset.core.errors import CalibsetError, RecipeError, TokenizerError
from calibset.core.installation import install_command
from calibset.core.text import printable
from calibset.evaluation.measurement import Floats, WindowScores
from calibset.evaluation.scorers.base import ScorerInfo
from calibset.evaluation.windows import Ids, Window
from calibset.tokenizers import Tokenizer, load_tokenizer

Dtype = Literal["auto", "bfloat16", "float16", "float32"]
"""What a model computes in; ``auto`` is what its config.json says."""

_VERSIONS = ("torch", "transformers", "auto-round", "gptqmodel", "autoawq", "compressed-tensors")
# Windows at once by default; on a processor more than one are no faster.
_BATCH_ON_CARD = 8
# Hashing all the weights of a large model takes minutes; these pieces of each file tell them from others.
_PIECES, _PIECE = 64, 2**16


def require_dtype(dtype: str) -> None:
    """Make sure that a model can compute in a type.

    Raises:
        RecipeError: It is none of those.
    """
    names = get_args(Dtype)
    if dtype not in names:
        raise RecipeError(f"--dtype: must be {', '.join(names[:-1])} or {names[-1]}, got {dtype!r}")


def require_model_folder(folder: str | Path) -> None:
    """Make sure that a folder may hold a model.

    Raises:
        RecipeError: There is no such folder, or it has no config.json.
    """
    if not (Path(folder) / "config.json").is_file():
        raise RecipeError(f"{folder}: is neither the address of a server nor a folder with a config.json")


class ModelError(CalibsetError):
    """A model can't be loaded or run, or gives no log probabilities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalScorer:
    """A model in memory.

    Attributes:
        model: The model, as transformers loads it.
        info: What computes the log probabilities.
        batch: How many windows are given to it at once.
        tokenizer: The tokenizer beside it, if it can be read.
        workers: Always 1.
    """

    model: Any = field(repr=False)
    info: ScorerInfo
    batch: int
    tokenizer: Tokenizer | None = field(default=None, repr=False)
    workers: int = 1

    @classmethod
    def open(
        cls, folder: str | Path, *, dtype: Dtype = "auto", device: str | None = None, batch: int | None = None
    ) -> LocalScorer:
        """Load the model in a folder; no code that the folder holds is run.

        Args:
            folder: The folder, with config.json and safetensors.
            dtype: What it computes in.
            device: ``cpu`` or ``cuda``; by default a graphics card if there is one.
            batch: How many windows are given to it at once.

        Raises:
            RecipeError: There is no such folder, device or extra.
            ModelError: The model can't be loaded.
        """
        require_model_folder(folder)
        folder = Path(folder)
        try:
            import torch
        except ImportError as error:
            raise RecipeError(
                f"{folder}: a model is run here by torch and transformers, which are not installed; "
                + install_command("evaluate")
            ) from error
        has_card = torch.cuda.is_available()
        device = device or ("cuda" if has_card else "cpu")
        if device.startswith("cuda") and not has_card:
            raise RecipeError(f"--device {device}: torch finds no graphics card here")
        model = _load_model(folder, dtype, device)
        tokenizer = _load_own_tokenizer(folder)
        config = model.config.get_text_config()
        info = ScorerInfo(
            engine="transformers",
            model=folder.resolve().name,
            versions=dict(_find_versions()),
            dtype=str(model.dtype).removeprefix("torch."),
            device=torch.cuda.get_device_name(model.device) if device.startswith("cuda") else device,
            vocabulary=int(config.vocab_size),
            context=getattr(config, "max_position_embeddings", None),
            tokenizer_sha256=tokenizer.fingerprint if tokenizer else None,
            weights_sha256=_hash_weights(folder),
        )
        size = batch or (_BATCH_ON_CARD if device.startswith("cuda") else 1)
        return cls(model=model, info=info, batch=size, tokenizer=tokenizer)

    def describe(self) -> ScorerInfo:
        """Return what computes the log probabilities."""
        return self.info

    def close(self) -> None:
        """Do nothing: the memory is given back with the object."""

    def score(self, windows: Sequence[Window], k: int) -> list[WindowScores]:
        """Return the scores of windows, which are run together."""
        import torch

        scores = []
        for window, logprobs in zip(windows, self.logprobs(windows), strict=True):
            targets = torch.as_tensor(window.targets, dtype=torch.long, device=logprobs.device)
            top = logprobs.topk(k, dim=-1)
            one = WindowScores(
                logprobs.gather(1, targets[:, None])[:, 0].cpu().numpy(),
                top.indices.to(torch.int32).cpu().numpy(),
                top.values.cpu().numpy(),
            )
            if fault := one.find_fault():
                raise ModelError(f"{self.info.model}: gives {fault} (window {window.index})")
            scores.append(one)
        return scores

    def logits(self, window: Window) -> Floats:
        """Return the log probabilities of the whole vocabulary at each scored token of a window."""
        (logprobs,) = self.logprobs([window])
        array: Floats = logprobs.cpu().numpy()
        return array

    def logprobs(self, windows: Sequence[Window]) -> Iterator[Any]:
        """Yield for each window a tensor of log probabilities: scored tokens by vocabulary."""
        import torch

        longest = max(len(window.ids) for window in windows)
        ids = torch.zeros((len(windows), longest), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window.ids)] = torch.as_tensor(window.ids, dtype=torch.long)
            mask[row, : len(window.ids)] = 1
        # What predicts a token is at the position before it. Only these rows of the last layer are computed.
        wanted = np.unique(np.concatenate([window.scored - 1 for window in windows]))
        with torch.inference_mode():
            logits = self._run(ids, mask, wanted)
            for row, window in enumerate(windows):
                places = np.searchsorted(wanted, window.scored - 1)
                chosen = logits[row, torch.as_tensor(places, device=logits.device)]
                yield torch.log_softmax(chosen.float(), dim=-1)

    def _run(self, ids: Any, mask: Any, wanted: Ids) -> Any:
        import torch

        device = self.model.device
        places = torch.as_tensor(wanted, dtype=torch.long, device=device)
        keeps = "logits_to_keep" in inspect.signature(self.model.forward).parameters
        extra = {"logits_to_keep": places} if keeps else {}
        # Without padding no mask is needed, and attention is computed faster.
        given = None if bool(mask.all()) else mask.to(device)
        answer = self._call(input_ids=ids.to(device), attention_mask=given, use_cache=False, **extra)
        return answer.logits if keeps else answer.logits[:, places]

    def continue_greedily(self, prompt: Ids, length: int) -> Ids:
        """Return the tokens that the model writes after a prompt, the likeliest each time."""
        import torch

        ends = self._end_ids()
        given = torch.as_tensor(prompt, dtype=torch.long, device=self.model.device)[None]
        written: list[int] = []
        cache = None
        with torch.inference_mode():
            while len(written) < length:
                answer = self._call(input_ids=given, past_key_values=cache, use_cache=True)
                token = int(answer.logits[0, -1].float().argmax())
                written.append(token)
                if token in ends:
                    break
                cache = answer.past_key_values
                given = torch.tensor([[token]], device=self.model.device)
        return np.array(written, dtype=np.int32)

    def _call(self, **given: Any) -> Any:
        try:
            return self.model(**given)
        except (RuntimeError, ValueError, IndexError) as error:  # no memory is a RuntimeError
            message = f"{self.info.model}: can't be run: {_first_line(error)}; try a smaller --batch or --ctx"
            raise ModelError(message) from error

    def encode(self, text: str) -> list[int] | None:
        """Return the ids that the tokenizer beside the model makes of a text; None if there is none."""
        return None if self.tokenizer is None else self.tokenizer.encode(text, parse_special=True)

    def _end_ids(self) -> frozenset[int]:
        """Return the ids that end what the model writes."""
        config = getattr(self.model, "generation_config", None) or self.model.config
        end = getattr(config, "eos_token_id", None)
        return frozenset(end if isinstance(end, list | tuple) else () if end is None else (end,))


def _load_model(folder: Path, dtype: Dtype, device: str) -> Any:
    """Return the model in a folder, on a device; no code of the folder is run, and no pickle read."""
    import torch

    try:
        from transformers import AutoModelForCausalLM

        with _no_bars():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype if dtype == "auto" else getattr(torch, dtype),
                trust_remote_code=False,
                use_safetensors=True,
                local_files_only=True,
            )
        return loaded.to(device).eval()
    except Exception as error:  # whatever a library for quantized weights raises
        raise ModelError(f"{folder}: can't be loaded: {_first_line(error)}") from error


def _hash_weights(folder: Path) -> str:
    """Return the SHA-256 of config.json and of pieces of the weights, which differ wherever weights do."""
    digest = sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        digest.update(f"{path.name} {size}".encode())
        with path.open("rb") as stream:
            for piece in range(_PIECES):
                stream.seek(max(0, size - _PIECE) * piece // (_PIECES - 1))
                digest.update(stream.read(_PIECE))
    return digest.hexdigest()


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep transformers from drawing a bar of its own while the block lasts."""
    from transformers.utils import logging as transformers_logging

    logging: Any = transformers_logging
    was_drawn = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_drawn:
            logging.enable_progress_bar()


def _load_own_tokenizer(folder: Path) -> Tokenizer | None:
    try:
        return load_tokenizer(str(folder))
    except TokenizerError:
        return None


def _find_versions() -> Iterator[tuple[str, str]]:
    for name in _VERSIONS:
        try:
            yield name, version(name)
        except ImportError:  # PackageNotFoundError is one
            continue


def _first_line(error: BaseException) -> str:
    message = str(error).strip().splitlines()
    return f"{type(error).__name__}: {printable(message[0])[:200]}" if message else type(error).__name__
