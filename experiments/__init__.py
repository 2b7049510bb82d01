"""The tables and figures of Fu et al., ICLR 2022, one file each, and the cache that measures their cells.

Read `run.py` first. A table is a grid of cells (`cells.py`). An `ExperimentCache` measures each cell once, at a
`Scale`, and saves it. The table is then written beside the paper's numbers.
"""
