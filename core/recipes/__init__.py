"""The recipes: protect, train, verify. Read these first."""
