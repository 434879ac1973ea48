"""Seeded, fair reading of corpora larger than what is asked of them."""
