"""The error that every part of the stack raises for bad input."""


class WamError(ValueError):
    """Bad input: the message says what, the value, what is allowed, and where to change it."""
