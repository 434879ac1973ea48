"""AutoRound: what its loader keeps of a file, the command that quantizes with it, and what can go wrong."""
