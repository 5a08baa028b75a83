"""The layout, by plain parquet, JSON and video readers; LeRobot's own package: tests/peers."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import av
import numpy as np
import pyarrow.parquet as pq
import pytest
from export_episodes import Script, number_of, record
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_data.export import lerobot_v3, lerobot_v3_files
from wam_data.export import lerobot_v3_statistics as statistics
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.identity import Origin

CODEC = {'codec': 'h264', 'crf': '15'}  # quicker to start than AV1
CAMERA = 'observation.images.cam_high'


@pytest.fixture(scope='module')
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    root = tmp_path_factory.mktemp('episodes')
    scripts = (Script(), Script(seconds=0.8, task='put the peg in', outcome=None), Script())
    return [record(root, number, script) for number, script in enumerate(scripts)]


Write = Callable[..., Path]


@pytest.fixture(scope='module')
def write(tmp_path_factory: pytest.TempPathFactory, paths: list[Path]) -> Write:
    def run(
        chosen: list[Path] | None = None,
        jobs: int = 1,
        options: dict[str, str] = CODEC,
        rate_hz: float = 25.0,
    ) -> Path:
        out = tmp_path_factory.mktemp('out') / 'data'
        made = make_format('lerobot_v3', options)
        settings = ExportSettings(rate_hz=rate_hz)
        export(made, chosen or paths, out, settings, Choice(('tasks', 'rigs'), jobs=jobs))
        return out

    return run


@pytest.fixture(scope='module')
def folder(write: Write) -> Path:
    return write()


def table(folder: Path, name: str) -> Any:
    return pq.read_table(folder / name, partitioning=None)


def episodes(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = table(
        folder, 'meta/episodes/chunk-000/file-000.parquet'
    ).to_pylist()
    return found


def numbers(folder: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Columns of an episode's frames."""
    place = row['data/chunk_index'], row['data/file_index']
    found = table(folder, 'data/chunk-{:03d}/file-{:03d}.parquet'.format(*place)).to_pydict()
    chosen = np.array(found['episode_index']) == row['episode_index']
    return {name: np.array(values)[chosen] for name, values in found.items()}


def shown(folder: Path, row: dict[str, Any], key: str = CAMERA) -> list[int]:
    """Numbers of the frames of an episode's video."""
    place = row[f'videos/{key}/chunk_index'], row[f'videos/{key}/file_index']
    name = 'videos/{}/chunk-{:03d}/file-{:03d}.mp4'.format(key, *place)
    start, stop = (row[f'videos/{key}/{edge}_timestamp'] for edge in ('from', 'to'))
    with av.open(str(folder / name)) as container:
        return [
            number_of(frame.to_ndarray(format='rgb24'))
            for frame in container.decode(video=0)
            if frame.time is not None and start - 0.001 <= frame.time < stop - 0.001
        ]


def test_rows_and_pictures_are_the_source_s(folder: Path, paths: list[Path]) -> None:
    first = 0
    for path, row in zip(paths, episodes(folder), strict=True):
        with Source(path, ExportSettings()) as source:
            values = numbers(folder, row)
            count = source.grid.count
            assert row['length'] == count
            assert (row['dataset_from_index'], row['dataset_to_index']) == (first, first + count)
            np.testing.assert_array_equal(values['index'], first + np.arange(count))
            state = source.state.astype(np.float32)
            np.testing.assert_array_equal(values['observation.state'], state)
            np.testing.assert_array_equal(values['wam.stamp_ns'], source.stamps_ns)
            for camera in source.cameras:
                expected = [number_of(pixels) for pixels in source.frames(camera)]
                assert shown(folder, row, f'observation.images.{camera}') == expected
            first += count


def test_info_says_what_is_there(folder: Path, paths: list[Path]) -> None:
    info = json.loads((folder / 'meta/info.json').read_text())
    assert info['codebase_version'] == 'v3.0'
    assert (info['total_episodes'], info['total_tasks'], info['fps']) == (3, 2, 25)
    assert info['total_frames'] == sum(row['length'] for row in episodes(folder))
    assert info['splits'] == {'train': '0:3'}
    assert info['features'][CAMERA]['shape'] == [32, 48, 3]
    assert info['features'][CAMERA]['info']['video.codec'] == 'h264'
    columns = table(folder, 'data/chunk-000/file-000.parquet').column_names
    assert {*columns, *(key for key in info['features'] if 'images' in key)} == set(
        info['features']
    )


def test_tasks_are_numbered_as_they_come(folder: Path) -> None:
    tasks = table(folder, 'meta/tasks.parquet')
    assert tasks.column('__index_level_0__').to_pylist() == ['move the cube', 'put the peg in']
    assert b'__index_level_0__' in tasks.schema.metadata[b'pandas']
    found = [set(numbers(folder, row)['task_index']) for row in episodes(folder)]
    assert found == [{0}, {1}, {0}]


def test_statistics_of_all_are_of_all_rows(folder: Path) -> None:
    stored = json.loads((folder / 'meta/stats.json').read_text())
    rows = np.concatenate([numbers(folder, row)['action'] for row in episodes(folder)])
    expected = statistics.of_numbers(rows)
    for key in statistics.KEYS:
        np.testing.assert_allclose(stored['action'][key], expected[key], rtol=1e-6, atol=1e-7)
    assert np.shape(stored[CAMERA]['mean']) == (3, 1, 1)
    assert stored[CAMERA]['count'] == [sum(row['length'] for row in episodes(folder))]


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob('*')
        if path.is_file()
    }


@pytest.mark.parametrize('codec', ['h264', 'av1'])
def test_the_same_episodes_give_the_same_bytes(
    write: Write, paths: list[Path], codec: str
) -> None:
    options = {'codec': codec}
    assert hashes(write(paths[:2], 1, options)) == hashes(write(paths[:2], 2, options))


def test_what_an_import_does_not_know_is_left_out_of_all(
    write: Write, paths: list[Path], tmp_path: Path
) -> None:
    path = record(tmp_path)
    manifest = json.loads((path / 'episode.json').read_text())
    manifest['origin'] = vars(Origin('aloha_hdf5', 'file', unknown=('effort', 'stamps')))
    (path / 'episode.json').write_text(json.dumps(manifest))
    columns = numbers(write([paths[0], path]), {**dict.fromkeys(PLACE, 0), 'episode_index': 0})
    assert 'observation.effort' not in columns
    assert 'observation.velocity' in columns


PLACE = ('data/chunk_index', 'data/file_index')


def test_without_cameras(write: Write, tmp_path: Path) -> None:
    folder = write([record(tmp_path, script=Script(cameras={}))])
    info = json.loads((folder / 'meta/info.json').read_text())
    assert info['video_path'] is None
    assert not (folder / 'videos').exists()


def test_sizes_that_the_videos_cannot_have(write: Write, tmp_path: Path) -> None:
    path = record(tmp_path, script=Script(cameras={'cam_high': (31, 48)}))
    with pytest.raises(WamError, match='camera cam_high has frames of 31x48'):
        write([path])


def test_a_rate_that_is_not_whole(write: Write) -> None:
    with pytest.raises(WamError, match=r'rate 12\.5 Hz, expected a whole number'):
        write(rate_hz=12.5)


@pytest.mark.parametrize(
    ('options', 'said'),
    [
        ({'codec': 'mpeg2'}, "codec 'mpeg2', expected one of"),
        ({'crf': '64'}, 'crf 64, allowed 0 to 63'),
        ({'codec': 'h264', 'crf': '52'}, 'crf 52, allowed 0 to 51'),
        ({'crf': 'best'}, 'expected int'),
        ({'video_mb': '0'}, 'video_mb 0, allowed 1 or more'),
    ],
)
def test_bad_options_are_refused(options: dict[str, str], said: str) -> None:
    with pytest.raises(WamError, match=said):
        make_format('lerobot_v3', options)


def test_a_measurement_that_is_not_finite_is_named(write: Write, tmp_path: Path) -> None:
    path = record(tmp_path)
    with Source(path, ExportSettings()) as source:
        source.velocity[3, 2] = np.nan
        made = make_format('lerobot_v3', CODEC).prepare([summary(path)], ExportSettings())
        with pytest.raises(WamError, match=r'observation\.velocity: a row is not finite'):
            made.write_episode(source, 0, tmp_path / 'out')


def summary(path: Path) -> Any:
    from wam_data.export.summary import summarise

    return summarise(path, ExportSettings())


@given(
    parts=st.lists(
        st.lists(st.integers(-1000, 1000), min_size=1, max_size=20), min_size=1, max_size=5
    )
)
def test_merged_statistics_are_those_of_all(parts: list[list[int]]) -> None:
    whole = statistics.of_numbers([number for part in parts for number in part])
    found = statistics.merged([statistics.of_numbers(part) for part in parts], whole)
    for key in statistics.KEYS:
        np.testing.assert_allclose(found[key], whole[key], rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 5))
def test_statistics_of_pictures_are_those_of_their_pixels(seed: int, frames: int) -> None:
    pictures = np.random.default_rng(seed).integers(0, 256, (frames, 4, 6, 3), np.uint8)
    counts = statistics.PictureCounts(frames)
    for number, pixels in enumerate(pictures):
        counts.look(number, pixels)
    found = statistics.of_pictures(counts.frames, counts.levels)
    rows = pictures.reshape(-1, 3) / 255
    for key, expected in (
        ('min', rows.min(axis=0)),
        ('max', rows.max(axis=0)),
        ('mean', rows.mean(axis=0)),
        ('std', rows.std(axis=0)),
        ('q50', np.quantile(rows, 0.5, axis=0, method='inverted_cdf')),
    ):
        np.testing.assert_allclose(np.reshape(found[key], 3), expected, rtol=1e-9, atol=1e-9)
    assert found['count'] == [frames]


def test_files_are_closed_before_they_are_too_large(
    write: Write, paths: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lerobot_v3_files, '_MB', 1)  # a byte
    folder = write()
    assert len(list(folder.glob('data/chunk-000/*.parquet'))) == len(paths)
    for path, row in zip(paths, episodes(folder), strict=True):
        with Source(path, ExportSettings()) as source:
            assert numbers(folder, row)['frame_index'].size == source.grid.count
            expected = [number_of(pixels) for pixels in source.frames('cam_high')]
        assert shown(folder, row) == expected
        assert row[f'videos/{CAMERA}/from_timestamp'] == 0.0


@given(
    sizes=st.lists(st.integers(0, 50), min_size=1, max_size=30),
    limit=st.integers(1, 100),
)
def test_no_file_grows_beyond_its_limit(sizes: list[int], limit: int) -> None:
    parts: Any = [SimpleNamespace(stat=lambda size=size: _Size(size)) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lerobot_v3_files, '_MB', 1)
        patch.setattr(lerobot_v3_files, 'CHUNK', 3)
        found = lerobot_v3_files.slots(parts, list(range(len(sizes))), limit)
    files: dict[tuple[int, int], list[int]] = {}
    for number, slot in enumerate(found):
        files.setdefault((slot.chunk, slot.file), []).append(number)
        assert slot.first == sum(files[slot.chunk, slot.file][:-1])
        assert slot.file < 3
    assert sorted(files) == list(files)
    for members in files.values():
        assert sum(sizes[number] for number in members[:-1]) < limit
        total = sum(sizes[number] for number in members)
        assert total < limit or not any(sizes[number] for number in members[:-1])


class _Size(NamedTuple):
    st_size: int


def test_an_export_that_is_cut_off_at_its_end_goes_on(
    paths: list[Path], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    def run() -> None:
        made = make_format('lerobot_v3', CODEC)
        export(made, paths, tmp_path / 'data', ExportSettings(), Choice(('tasks', 'rigs')))

    with monkeypatch.context() as patch, pytest.raises(WamError, match='No space left'):
        patch.setattr(lerobot_v3, 'write_tasks', full)
        run()
    assert not (tmp_path / 'data').exists()
    run()
    assert hashes(tmp_path / 'data') == hashes(folder)
