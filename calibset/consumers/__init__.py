"""The quantizers, one module each: what it does with a calibration file."""

from __future__ import annotations

from calibset.consumers.base import Acceptance, Replay

__all__ = ["Acceptance", "Replay"]
