"""The adapters, a module for each corpus or kind of file."""
