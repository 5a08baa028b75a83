"""Which key does what, and what counts as a key."""

import pytest

from wam_cli.keys import KEYS, Action, manual, pressed


def test_every_action_has_one_key_and_the_manual_names_each() -> None:
    actions = [key.action for key in KEYS.values()]
    assert sorted(actions, key=str) == sorted(Action, key=str)
    assert KEYS[' '].action is Action.STOP
    lines = manual()
    for key, line in zip(KEYS.values(), lines, strict=True):
        assert line.split()[0] == key.name
        assert key.text in line


@pytest.mark.parametrize(
    ('data', 'keys'),
    [
        (b'', []),
        (b'r', ['r']),
        (b'hr', ['h', 'r']),
        (b'kr  ', [' ', 'k', 'r']),  # a stop goes before whatever else is waiting
        (b'\x1b[A', []),  # an arrow
        (b'\x1bOp', []),  # 0 of a keypad in application mode
        (b'\x1b[15~k', ['k']),  # F5, then k
        (b'\x1b[1;5ok', ['k']),
        (b'\x1bk', []),  # Alt-k
        (b'\x1b', []),
        (b'\x1b ', [' ']),  # a space stops, whatever it comes with
        (b'\xff', ['\ufffd']),
    ],
)
def test_bytes_become_keys(data: bytes, keys: list[str]) -> None:
    assert pressed(data) == keys
