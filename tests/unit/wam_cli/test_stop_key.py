"""The space key beside a graph: every press counts, also one that comes before the executor."""

import pytest

from wam_cli import stop_key
from wam_cli.stop_key import StopKey


class _Typed:
    """A terminal in which somebody types."""

    present = True

    def __init__(self) -> None:
        self.typed = b''

    def read(self) -> bytes:
        typed, self.typed = self.typed, b''
        return typed


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> _Typed:
    found = _Typed()
    monkeypatch.setattr(stop_key, 'Terminal', lambda: found)
    return found


def test_space_stops_and_other_keys_do_nothing(terminal: _Typed) -> None:
    stops, said = [], []
    key = StopKey(lambda: stops.append(1) is None, said.append)
    for typed in (b'', b'q', b'\x1b[A', b'x\n'):
        terminal.typed = typed
        key.poll()
    assert (stops, said, key.used) == ([], [], False)
    terminal.typed = b'x  '
    key.poll()
    key.poll()
    assert (stops, key.used) == ([1], True)
    assert said == ['space: stop sent']
    terminal.typed = b' '
    key.poll()
    assert stops == [1, 1]


def test_a_stop_that_nobody_hears_is_sent_until_somebody_does(terminal: _Typed) -> None:
    answers = iter([False, False, True])
    said: list[str] = []
    key = StopKey(lambda: next(answers), said.append)
    terminal.typed = b' '
    for _ in range(5):
        key.poll()
    assert next(answers, None) is None
    assert ['as soon as' in said[0], 'now that' in said[1]] == [True, True]
    assert len(said) == 2
