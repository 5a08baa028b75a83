"""What the user typed is wrong: exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager

from wam_core.errors import WamError


class UsageError(Exception):
    """The message says what is allowed."""


@contextmanager
def usage() -> Iterator[None]:
    """Around the checks of a command line: a WamError there is the user's, exit code 2."""
    try:
        yield
    except WamError as error:
        raise UsageError(str(error)) from error
