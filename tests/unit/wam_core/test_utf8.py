"""Text that UTF-8 can't hold is refused, and says where it was."""

from typing import Any

import pytest

from wam_core.errors import WamError
from wam_core.utf8 import check_text, check_texts, escaped

BAD = 'caf\udce9'


def test_what_utf8_can_hold_is_passed_on() -> None:
    assert check_text('café ✓', 'note') == 'café ✓'
    check_texts({'a': ['é', 1, None, {'b': ('c', 2.5)}]}, 'x')


def test_what_it_cannot_hold_is_named() -> None:
    with pytest.raises(WamError, match=r"note = 'caf\\udce9', expected text in UTF-8"):
        check_text(BAD, 'note')


@pytest.mark.parametrize(
    ('value', 'text'),
    [
        (BAD, 'x = '),
        ({'a': {'b': BAD}}, 'x: a: b = '),
        ({'a': ['b', {'c': (BAD,)}]}, r'x: a\[1\]: c\[0\] = '),
        ({'a': {BAD: 1}}, 'x: a: a key = '),
    ],
)
def test_it_is_found_anywhere(value: Any, text: str) -> None:
    with pytest.raises(WamError, match=f'^{text}') as caught:
        check_texts(value, 'x')
    str(caught.value).encode()


def test_a_file_that_is_too_deep_is_none_too_deep() -> None:
    value: Any = BAD
    for _ in range(20_000):
        value = [value]
    with pytest.raises(WamError, match='expected text'):
        check_texts(value, 'x')


def test_escaped_names_stay_apart() -> None:
    assert escaped('café') == 'café'
    assert escaped(BAD) == 'caf\\udce9'
