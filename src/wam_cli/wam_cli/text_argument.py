"""A word of a command line that goes into recordings and messages."""

import argparse

from wam_core.utf8 import escaped


def text(word: str) -> str:
    """The ``type`` of such an argument: refuses bytes that are not UTF-8."""
    if escaped(word) != word:
        raise argparse.ArgumentTypeError(f'{word!r}, expected text in UTF-8')
    return word
