"""transformers, imported without its remark that PyTorch is not there."""

from __future__ import annotations

import os
from types import ModuleType

_VERBOSITY = "TRANSFORMERS_VERBOSITY"


def quiet_transformers() -> ModuleType:
    """Import transformers; the environment stays as it was.

    Raises:
        ImportError: It is not installed.
    """
    asked = os.environ.get(_VERBOSITY)
    os.environ.setdefault(_VERBOSITY, "error")
    try:
        import transformers
    finally:
        if asked is None:
            del os.environ[_VERBOSITY]
    return transformers
