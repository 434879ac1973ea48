"""A calibration set and its files.

`calibration_set` is the set in memory and `calibration_file` the file of rows on disk; `manifest` and
`lockfile` are the records of how it was built, and `diff` compares them. `verify`, `export` and
`tokenizer_check` deal with what quantizers read of a file. `cards` and `report` describe it to people, and
`hub_upload` publishes it.
"""
