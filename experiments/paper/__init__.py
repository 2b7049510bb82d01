"""The tables and figures of Fu et al., ICLR 2022, one file each."""
