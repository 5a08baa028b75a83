r"""Text that UTF-8 can hold, and so every file, database and message.

Python turns bytes of a command line or of a file's name that aren't UTF-8 into lone surrogates,
and JSON can name these as well ("\udce9").
"""

from collections.abc import Mapping
from typing import Final

from wam_core.errors import WamError

_HOLDERS: Final = (str, Mapping, list, tuple)


def check_text(text: str, what: str) -> str:
    """The same text. Raises WamError, which says what it is, where UTF-8 can't hold it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise WamError(f'{what} = {text!r}, expected text in UTF-8') from error
    return text


def check_texts(value: object, what: str) -> None:
    """The same for all texts, also keys, in nested mappings and lists."""
    pending = [(value, what)]  # not by recursion, which a hostile file could make too deep
    while pending:
        value, what = pending.pop()
        if isinstance(value, str):
            check_text(value, what)
        elif isinstance(value, Mapping):
            for key, inner in value.items():
                check_text(str(key), f'{what}: a key')
                if isinstance(inner, _HOLDERS):
                    pending.append((inner, f'{what}: {key}'))
        elif isinstance(value, list | tuple):
            pending += [
                (inner, f'{what}[{index}]')
                for index, inner in enumerate(value)
                if isinstance(inner, _HOLDERS)
            ]


def escaped(text: str) -> str:
    r"""With \udce9 written out: a name that everything can hold, the same for the same text."""
    return text.encode(errors='backslashreplace').decode()
