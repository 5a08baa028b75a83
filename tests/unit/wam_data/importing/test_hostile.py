"""Files with bytes changed anywhere: named or imported, never an unnamed fault, nothing left."""

from itertools import count
from pathlib import Path

import foreign_data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from import_desk import Desk

from wam_core.errors import WamError

NUMBERS = count()
CHANGES = st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=5)


def damaged(data: bytes, changes: list[tuple[float, bytes]], share: float) -> bytes:
    spoilt = bytearray(data)
    for place, new in changes:
        start = int(place * len(spoilt))
        spoilt[start : start + len(new)] = new
    return bytes(spoilt[: int(share * len(spoilt))])


def check(source: Path, folder: Path) -> None:
    desk = Desk(folder / f'episodes_{next(NUMBERS)}')  # nothing in it is known from before
    try:
        results = desk(source)
    except WamError as error:
        assert str(source) in str(error)
        results = []
    made = {result.episode for result in results if result.status == 'imported'}
    assert set(desk.episodes()) == made
    assert all(result.text for result in results if result.status != 'imported')


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('hostile')
    foreign_data.aloha(folder / 'raw.hdf5', length=2, cameras=('cam_high',))
    foreign_data.aloha(folder / 'jpeg.hdf5', length=2, coding='jpeg', cameras=('cam_high',))
    foreign_data.lerobot_v3(folder / 'v3', (2, 3))
    return folder


@pytest.mark.parametrize('name', ['raw.hdf5', 'jpeg.hdf5'])
@settings(max_examples=15, deadline=None)
@given(changes=CHANGES, share=st.sampled_from([1.0, 1.0, 0.9, 0.3, 0.0]))
def test_hdf5(folder: Path, name: str, changes: list[tuple[float, bytes]], share: float) -> None:
    spoilt = folder / f'spoilt_{name}'
    spoilt.write_bytes(damaged((folder / name).read_bytes(), changes, share))
    check(spoilt, folder)


@pytest.mark.parametrize(
    'name',
    [
        'data/chunk-000/file-000.parquet',
        'meta/episodes/chunk-000/file-000.parquet',
        'meta/tasks.parquet',
        'meta/info.json',
        'videos/observation.images.cam_high/chunk-000/file-000.mp4',
    ],
)
@settings(max_examples=8, deadline=None)
@given(changes=CHANGES, share=st.sampled_from([1.0, 1.0, 0.9, 0.3, 0.0]))
def test_lerobot(
    folder: Path, name: str, changes: list[tuple[float, bytes]], share: float
) -> None:
    path = folder / 'v3' / name
    sound = path.read_bytes()
    try:
        path.write_bytes(damaged(sound, changes, share))
        check(folder / 'v3', folder)
    finally:
        path.write_bytes(sound)
