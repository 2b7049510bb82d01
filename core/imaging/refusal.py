"""What the darkroom says of a picture that it does not take."""


class Refused(Exception):
    """This picture cannot be used; the message says why, for whoever sent it."""
