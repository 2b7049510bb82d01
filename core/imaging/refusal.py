"""What the sandbox says of a picture that it does not take."""


class ImageRefused(Exception):
    """This picture cannot be used; the message says why, for whoever sent it."""
