"""Networks: surrogates and learners."""
