"""`compare`: models against their base, from measurements or in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from calibset.core.errors import RecipeError
from calibset.core.progress import Progress, show_progress
from calibset.core.text import replace_surrogates
from calibset.dataset.report.page import require_matplotlib
from calibset.evaluation.comparing import Named, as_path, compare_measurements
from calibset.evaluation.comparison import Comparison
from calibset.evaluation.data import open_measured_data
from calibset.evaluation.local_pass import compare_folders
from calibset.evaluation.measurement import Measurement
from calibset.evaluation.page import write_page
from calibset.evaluation.plan import Questions, WholeRows, make_plan, require_count
from calibset.evaluation.scorers.local import Dtype, require_dtype, require_model_folder
from calibset.evaluation.tokenizer_check import find_tokenizer

Model: TypeAlias = Measurement | str | Path
"""What is compared: a measurement, the path of one, or a model's folder."""


def compare(  # noqa: PLR0913  (a program names those that it needs)
    base: Model,
    others: Model | Iterable[Model] | Mapping[str, Model | Iterable[Model]],
    data_set: str | Path | None = None,
    *,
    page: str | Path | None = None,
    tokenizer: str | None = None,
    ctx: int | None = None,
    score: WholeRows | None = None,
    windows: int | None = None,
    generate: Iterable[str] = (),
    prompts: int | None = None,
    dtype: Dtype | None = None,
    device: str | None = None,
    batch: int | None = None,
    offline: bool = False,
    progress: Progress | None = None,
) -> Comparison:
    """Compare models with their base, as ``calibset compare`` does.

    Args:
        base: The base: a measurement, its path, or a model's folder. All are of one kind.
        others: One other model, or several; or by name, where several of one name are runs of one recipe
            with different seeds.
        data_set: What folders of models are measured on, as for `evaluate`.
        page: An HTML page to write.
        tokenizer: What made the ids, by name or path; by default that of the measurement, the file or the
            folder.
        ctx: As for `evaluate`, of folders, with its default if None; so are the arguments that follow.
        score: Which tokens of whole rows are scored.
        windows: Only so many windows are measured.
        generate: What the base writes, each ``PROMPT:LENGTH``.
        prompts: How many prompts there are of each kind.
        dtype: What the models compute in.
        device: What they run on.
        batch: How many windows they are given at once.
        offline: Whether WikiText-2 is read from the cache alone.
        progress: Called as windows are measured; if None, a bar is drawn on a terminal or in a notebook.

    Raises:
        CalibsetError: A measurement can't be read or is of other windows, a model can't be run, or the
            tokenizer is another.
    """
    named = (_name(base), *_name_all(others))
    page = None if page is None else _require_html(Path(page))
    if len(named) == 1:
        raise RecipeError("there is no other model to compare with the base")
    generate = (generate,) if isinstance(generate, str) else tuple(generate)
    questions = Questions.of(ctx, score, windows, generate=generate, prompts=prompts)
    require_dtype(dtype or "auto")
    if batch is not None:
        require_count("--batch", batch)
    if page is not None:
        # Before hours of measuring, not after them.
        require_matplotlib()
    folders = [folder for one in named if (folder := _as_folder(one))]
    measured = [one for one in named if _as_folder(one) is None]
    if folders and measured:
        raise RecipeError(
            f"{folders[0].where} is a folder, and {measured[0].where} is not; compare folders with folders, "
            "or measure each with `calibset evaluate` and compare what it writes"
        )
    if folders and data_set is None:
        raise RecipeError(
            f"{folders[0].where}: is a model's folder; say with --data what the models are measured on"
        )
    given = {
        "data": data_set, "score": score, "ctx": ctx, "windows": windows, "generate": generate or None,
        "prompts": prompts, "dtype": dtype, "device": device, "batch": batch,
    }  # fmt: skip
    if measured and (unused := [name for name, value in given.items() if value is not None]):
        raise RecipeError(
            f"--{unused[0]}: is for models' folders; a measurement holds what it was measured on"
        )
    if data_set is None:
        compared = compare_measurements(named[0], named[1:], tokenizer=tokenizer)
    else:
        data = open_measured_data(str(data_set), questions.score, offline=offline)
        for folder in folders:
            require_model_folder(folder.content)
        found = find_tokenizer(data, tokenizer, str(folders[0].content))
        plan = make_plan(data, found, questions)
        with show_progress(progress, "windows") as shown:
            compared = compare_folders(
                folders[0],
                folders[1:],
                data=data,
                plan=plan,
                questions=questions,
                tokenizer=found,
                progress=shown,
                dtype=dtype or "auto",
                device=device,
                batch=batch,
            )
    if page is not None:
        write_page(compared, page, tokenizer=tokenizer)
    return compared.comparison


def _require_html(path: Path) -> Path:
    """Return the path of a page that can be written.

    Raises:
        RecipeError: Its name isn't that of a page.
    """
    if path.suffix not in (".html", ".htm"):
        raise RecipeError(f"--page {path}: a page must end in .html")
    return path


def _as_folder(named: Named[Path | Measurement]) -> Named[Path] | None:
    content = named.content
    return Named(named.name, content) if isinstance(content, Path) and content.is_dir() else None


def _name_all(
    others: Model | Iterable[Model] | Mapping[str, Model | Iterable[Model]],
) -> Iterator[Named[Path | Measurement]]:
    """Yield what is compared under its name."""
    if isinstance(others, Mapping):
        for name, models in others.items():
            for one in _list(models):
                content = one if isinstance(one, Measurement) else as_path(str(one))
                yield Named(replace_surrogates(name), content)
    else:
        yield from map(_name, _list(others))


def _list(models: Model | Iterable[Model]) -> Iterable[Model]:
    return [models] if isinstance(models, Measurement | str | Path) else models


def _name(model: Model) -> Named[Path | Measurement]:
    """Return a model under its own name."""
    if isinstance(model, Measurement):
        return Named(Path(model.about.model).name or model.about.model, model)
    return Named.parse(str(model))
