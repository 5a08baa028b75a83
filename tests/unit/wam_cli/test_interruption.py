"""Ctrl-C is noticed where it is safe, and never lost."""

import os
import signal
from collections.abc import Iterator

import pytest

from wam_cli.interruption import Interruption


@pytest.fixture
def interruption() -> Iterator[Interruption]:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
    before = {number: signal.getsignal(number) for number in numbers}
    yield Interruption()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_waits_for_the_next_check(interruption: Interruption, number: int) -> None:
    interruption.check()
    os.kill(os.getpid(), number)
    with pytest.raises(KeyboardInterrupt):
        interruption.check()
    interruption.check()  # each is told of once, so that what follows it can be orderly


def test_a_second_signal_is_told_of_too(interruption: Interruption) -> None:
    for _ in range(2):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interruption.check()
