"""Networks that surrogates and learners are trained from. To add one, see registry.py."""
