"""Who sits at this machine."""

import getpass


def user() -> str:
    """The name of the account; empty where there is none, as in some containers."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no such variable and no entry: KeyError until Python 3.13
        return ''
