"""From an upload to a dataset: archives, inspection, class layout, split."""
