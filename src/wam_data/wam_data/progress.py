"""How long work tells its caller how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with what is done and the total, in the same unit."""
