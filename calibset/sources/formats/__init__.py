"""The file formats that adapters read."""
