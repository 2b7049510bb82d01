"""How strong noise may be at each pixel of a photograph: the stronger, the more local contrast hides it. No torch."""

FLAT_AMPLITUDE, MAX_AMPLITUDE = 1.0, 5.0
"""Of the noise where an image is flat, and at most, of 255."""
AMPLITUDE_PER_CONTRAST = 0.15
"""Amplitude for each unit of local standard deviation."""
MAX_CONTRAST = 40.0
"""Standard deviation of 255 above which an edge hides no more."""
MIN_BLOCK = 4
"""Local contrast is taken around the centre of each block, of this edge in pixels at least."""
