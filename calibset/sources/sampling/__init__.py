"""Seeded, fair sampling of corpora that are larger than the samples asked of them."""
