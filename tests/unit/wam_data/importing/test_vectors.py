import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.joints import JOINT_NAMES
from wam_data.importing.vectors import Columns, Feature, Layout, Vectors, read_vectors

USUAL = {part: part for part in ('state', 'action', 'velocity', 'effort')}
ROWS = np.arange(40.0).reshape(2, 20)
NAMES = tuple(f'joint_{number}' for number in range(20))


def read(layout: Layout, rows: np.ndarray = ROWS, names: tuple[str, ...] = NAMES) -> Vectors:  # type: ignore[type-arg]
    features = {'state': Feature(rows, names), 'action': Feature(rows, names)}
    return read_vectors(layout, USUAL, features.get, 'file')


@given(order=st.permutations(range(20)), by_name=st.booleans(), data=st.data())
def test_an_entry_is_its_column_scaled_and_moved(
    order: list[int], by_name: bool, data: st.DataObject
) -> None:
    numbers = st.lists(st.floats(-10, 10), min_size=14, max_size=14)
    scale, offset = data.draw(numbers), data.draw(numbers)
    chosen = order[:14]
    columns = tuple(NAMES[column] if by_name else column for column in chosen)
    part = Columns('', columns, tuple(scale), tuple(offset))
    found = read(Layout({'state': part, 'action': part}))
    np.testing.assert_array_equal(found.state, ROWS[:, chosen] * scale + offset)
    assert found.filled == ()


def test_without_a_layout_fourteen_numbers_are_as_they_are() -> None:
    rows = ROWS[:, :14]
    found = read(Layout(), rows, ())
    np.testing.assert_array_equal(found.action, rows)
    assert found.velocity is None


def test_entries_that_the_source_has_not_are_named() -> None:
    columns = (*range(7), *[None] * 7)
    part = Columns(columns=columns, offset=(0.0,) * 7 + (0.5,) * 7)
    found = read(Layout({'state': part, 'action': part}))
    assert found.filled == JOINT_NAMES[7:]
    assert (found.state[:, 7:] == 0.5).all()


@pytest.mark.parametrize(
    ('columns', 'said'),
    [
        ((20, *range(13)), 'column 20, allowed 0 to 19'),
        ((-1, *range(13)), 'column -1'),
        (('elbow', *range(13)), "no one column 'elbow'"),
    ],
)
def test_a_column_that_is_not_there(columns: tuple[int | str, ...], said: str) -> None:
    with pytest.raises(WamError, match=said):
        read(Layout({'state': Columns(columns=columns)}))


def test_a_feature_that_a_layout_names_must_be_there() -> None:
    layout = Layout({'effort': Columns('current')})
    with pytest.raises(WamError, match="has no 'current'"):
        read(layout, ROWS[:, :14])
