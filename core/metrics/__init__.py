"""How visible a change of an image is. Imports nothing of this program."""
