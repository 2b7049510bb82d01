"""The stages of a protection, in order, as progress and pages name them."""

STAGES = ("unpacking", "decoding", "training", "noise", "writing", "evidence", "report")
