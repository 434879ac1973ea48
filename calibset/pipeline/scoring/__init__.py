"""Scores of whole corpora: every document examined once, so that a build can choose from all of them."""
