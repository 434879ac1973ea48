"""Cards of a calibration file: what it holds, how it was made, and whose texts it passes on."""

from __future__ import annotations

from calibset.cards.attributing import attribution
from calibset.cards.dataset import Beside, dataset_card
from calibset.cards.model import model_card_section
from calibset.cards.permitted import ensure_licences, licence_faults
from calibset.cards.pushing import Companions, Parcel, Pushed, card_files, parcel_of, push_to_hub

__all__ = [
    "Beside",
    "Companions",
    "Parcel",
    "Pushed",
    "attribution",
    "card_files",
    "dataset_card",
    "ensure_licences",
    "licence_faults",
    "model_card_section",
    "parcel_of",
    "push_to_hub",
]
