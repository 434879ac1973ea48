"""AutoRound: which rows its loader keeps, the command that runs it, and what can go wrong."""
