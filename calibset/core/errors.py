"""Everything that calibset raises on purpose.

    CalibsetError
    ├── RecipeError        the recipe or the command line is wrong (exit code 2)
    ├── SourceError        a corpus can't be found, reached or read
    │   ├── NotThereError  none of its locations exists
    │   └── OfflineError   it is not in the cache, and no server may be asked
    ├── MixtureError       the sources can't fill the quotas as the policy asks
    ├── TokenizerError     a tokenizer can't be found, loaded or used for the job
    ├── QuantizerError     the quantizer would not use what was built, or can't be simulated
    ├── LockError          what would be built is not what the lock says
    └── OutputError        a result can't be written or read back

A message says where the fault is, what it is, and what to do about it, in one line per fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

from calibset.core.documents import Filtered, Rejection
from calibset.core.shortage import Shortage


class CalibsetError(Exception):
    """Base of every error that calibset raises on purpose.

    Attributes:
        rejections: The records that had been rejected when a build failed, by source.
        filtered: The records that had been left out on purpose by then, by source.
    """

    exit_code = 1

    def __init__(self, *message: object) -> None:
        super().__init__(*message)
        self.rejections: Mapping[str, tuple[Rejection, ...]] = {}
        self.filtered: Mapping[str, tuple[Filtered, ...]] = {}


class RecipeError(CalibsetError):
    """One or more faults in a recipe or on the command line.

    Attributes:
        faults: One line per fault, each with the file and the key path.
    """

    exit_code = 2

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class SourceError(CalibsetError):
    """A corpus can't be found, reached or read."""


class NotThereError(SourceError):
    """None of a corpus's locations exists, or none of its files has a name that was looked for."""


class OfflineError(SourceError):
    """Something is not in the cache, and no server may be asked."""


class MixtureError(CalibsetError):
    """The sources can't fill the quotas as the shortage policy asks.

    Attributes:
        shortage: Which sources fall short, and by how much.
        file: The file that can't be filled.
        left_out: By source that ran short, the commonest reasons why its records were left out.
    """

    def __init__(
        self,
        shortage: Shortage,
        *,
        file: Literal["calibration", "holdout"] = "calibration",
        left_out: Mapping[str, str] | None = None,
        hints: Sequence[str] = (),
    ) -> None:
        self.shortage = shortage
        self.file = file
        self.left_out = {source: reasons for source, reasons in (left_out or {}).items() if reasons}
        reasons = [f"of {source} {reasons}" for source, reasons in self.left_out.items()]
        message = "; ".join((
            shortage.describe(), *([f"left out: {'; '.join(reasons)}"] if reasons else []), *hints
        ))  # fmt: skip
        super().__init__(f"holdout: {message}" if file == "holdout" else message)
        self._hints = tuple(hints)

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is pickled by its message, which is not what this one is made of.
        make = partial(MixtureError, self.shortage, file=self.file, left_out=self.left_out, hints=self._hints)
        return make, (), self.__dict__


class TokenizerError(CalibsetError):
    """A tokenizer can't be found, loaded or used for the job."""


class QuantizerError(CalibsetError):
    """The quantizer would not use what was built, or can't be simulated."""


class LockError(CalibsetError):
    """What would be built is not what the recipe's lock says."""


class OutputError(CalibsetError):
    """A result can't be written or read back."""
