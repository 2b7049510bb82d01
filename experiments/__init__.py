"""The tables and figures of Fu et al., ICLR 2022, one file each, and the tiny_cache that measures what they ask for.

Read `run.py` first. A table is a grid of cells (`cells.py`); a `ExperimentCache` measures each once, at a `Scale`,
and keeps
it; then the table is written beside the paper's numbers.
"""
