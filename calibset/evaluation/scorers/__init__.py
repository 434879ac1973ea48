"""What gives the log probabilities of a model: a server, or a folder of weights."""
