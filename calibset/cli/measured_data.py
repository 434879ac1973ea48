"""What `evaluate` and `compare` ask of models, and the data that they ask it on."""

from __future__ import annotations

from argparse import Namespace

from calibset.cli.console import print_line
from calibset.core.errors import RecipeError
from calibset.evaluation.data import DataSet, open_data
from calibset.evaluation.plan import Generation, Questions


def read_questions(arguments: Namespace, *, calls: bool = False) -> Questions:
    """Return what the command line asks of a model."""
    return Questions(
        score=arguments.score or "second-half",
        ctx=None if arguments.score else arguments.ctx,
        windows=arguments.windows,
        generate=tuple(Generation(*numbers) for numbers in arguments.generate),
        calls=calls,
        prompts=arguments.prompts,
    )


def open_measured_data(arguments: Namespace) -> DataSet:
    """Open what ``--data`` names, and print what a reader of the figures should know of it.

    Raises:
        CalibsetError: It can't be read, or has no rows for ``--score``.
    """
    data = open_data(arguments.data, as_rows=arguments.score is not None, offline=arguments.offline)
    if arguments.score and not data.are_rows:
        raise RecipeError(f"--score {arguments.score}: {data.name} has no rows; measure windows with --ctx")
    for note in data.notes:
        print_line(f"note: {note}", stderr=True)
    return data
