"""The first recipe for data of one's own: what is there is looked at, guessed, tried and written down."""
