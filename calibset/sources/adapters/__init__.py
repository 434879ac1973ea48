"""The adapters, one module for each corpus or kind of file."""
