"""What the interface raises."""


class InterbotixException(Exception):  # noqa: N818
    """The interface was used in a way that it does not allow."""
