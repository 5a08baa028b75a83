from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from export_episodes import Script, number_of, record, sent_at, stamps, state_of

from wam_core.errors import WamError
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings


def exported(
    tmp_path: Path, scripts: list[Script], options: dict[str, Any], name: str = 'out'
) -> Path:
    """The folder of a data set of these episodes."""
    paths = [
        record(tmp_path / name, number, script) for number, script in enumerate(scripts, start=1)
    ]
    made = make_format('aloha_hdf5', options)
    return export(made, paths, tmp_path / f'{name}_set', ExportSettings(), Choice()).folder


def test_the_layout_of_act(tmp_path: Path) -> None:
    folder = exported(tmp_path, [Script(simulated=True)], {})
    with h5py.File(folder / 'episode_0.hdf5') as file:
        assert bool(file.attrs['sim'])
        assert not file.attrs['compress']
        assert file.attrs['task'] == 'move the cube'
        assert (file.attrs['result'], file.attrs['score']) == ('success', 100.0)
        for name in ('action', 'observations/qpos', 'observations/qvel', 'observations/effort'):
            assert (file[name].shape, file[name].dtype) == ((15, 14), np.float32)
        assert sorted(file['observations/images']) == [
            'cam_high', 'cam_left_wrist', 'cam_right_wrist',
        ]  # fmt: skip
        for images in file['observations/images'].values():
            assert (images.shape, images.dtype) == ((15, 32, 48, 3), np.uint8)
            assert images.chunks == (1, 32, 48, 3)
        times = np.array(stamps(25.0, 0.6))
        assert np.allclose(file['action'], [sent_at(time) for time in times])
        assert np.allclose(file['observations/qpos'], [state_of(time) for time in times])
        numbers = [number_of(pixels) for pixels in file['observations/images/cam_left_wrist']]
        assert numbers == [int(time * 30 + 1e-6) for time in times]
        assert np.all(np.diff(file['observations/stamp_ns']) == 40_000_000)
        ages = file['observations/stamp_ns'][:] - file['observations/image_stamps_ns/cam_high'][:]
        assert ages.min() >= 0
        assert ages.max() < 33_400_000


def test_jpegs_are_padded_to_one_length_and_decode(tmp_path: Path) -> None:
    for name, raw in (('jpeg', False), ('raw', True)):
        folder = exported(tmp_path, [Script(raw=raw)], {'images': 'jpeg'}, name)
        with h5py.File(folder / 'episode_0.hdf5') as file:
            assert file.attrs['compress']
            cameras = list(file['observations/images'])
            lengths = file['compress_len'][:]
            assert (lengths.shape, lengths.dtype) == ((3, 15), np.float32)
            width = file['observations/images/cam_high'].shape[1]
            assert width == lengths.max()
            for order, camera in enumerate(cameras):
                images = file[f'observations/images/{camera}']
                assert images.chunks == (1, width)
                length = int(lengths[order, 4])
                jpeg = images[4][:length]
                assert jpeg[-2:].tobytes() == b'\xff\xd9'
                assert not images[4][length:].any()
                # With the padding, as readers decode it.
                pixels: Any = cv2.imdecode(images[4], cv2.IMREAD_COLOR)
                assert number_of(pixels[..., ::-1]) == 4  # frame 4 at 0.133 s, row 4 at 0.16 s


def test_shorter_episodes_repeat_their_last_row(tmp_path: Path) -> None:
    scripts = [Script(seconds=0.6), Script(seconds=0.4)]
    folder = exported(tmp_path, scripts, {})
    with h5py.File(folder / 'episode_1.hdf5') as file:
        assert file.attrs['rows'] == 10
        for name in ('action', 'observations/qpos', 'observations/images/cam_high'):
            assert len(file[name]) == 15
            assert np.all(file[name][10:] == file[name][9])
    folder = exported(tmp_path, scripts, {'length': 'own', 'images': 'jpeg'}, 'own')
    with h5py.File(folder / 'episode_1.hdf5') as file:
        assert len(file['action']) == len(file['observations/images/cam_high']) == 10
        assert file['compress_len'].shape == (3, 10)


def test_cameras_of_different_sizes_go_only_as_jpeg(tmp_path: Path) -> None:
    script = Script(cameras={'cam_high': (32, 48), 'cam_low': (16, 48)})
    with pytest.raises(WamError, match=r'cam_high and cam_low .* only as jpeg'):
        exported(tmp_path, [script], {})
    folder = exported(tmp_path, [script], {'images': 'jpeg'}, 'jpeg')
    with h5py.File(folder / 'episode_0.hdf5') as file:
        assert cv2.imdecode(file['observations/images/cam_low'][0], 1).shape == (16, 48, 3)


def read_as_act(path: Path, start: int) -> tuple[Any, Any, Any]:
    """State, frame and the commands from there on, as ACT's data set takes them of a file.

    It takes those of a real rig from one row earlier.
    """
    with h5py.File(path) as file:
        first = start if file.attrs['sim'] else max(0, start - 1)
        state = file['/observations/qpos'][start]
        image = file['/observations/images/cam_high'][start]
        return state, image, file['/action'][first:]


@pytest.mark.parametrize(('simulated', 'pairing'), [(True, 'row'), (True, 'act'), (False, 'act')])
def test_act_reads_the_command_that_went_out_at_its_observation(
    tmp_path: Path, simulated: bool, pairing: str
) -> None:
    folder = exported(tmp_path, [Script(simulated=simulated)], {'pairing': pairing})
    for row, time in list(enumerate(stamps(25.0, 0.6)))[1:]:
        state, image, action = read_as_act(folder / 'episode_0.hdf5', row)
        assert np.allclose(state, state_of(time))
        assert number_of(image) == int(time * 30 + 1e-6)
        assert np.allclose(action[0], sent_at(time))


def test_without_that_pairing_act_reads_a_real_rig_one_row_late(tmp_path: Path) -> None:
    folder = exported(tmp_path, [Script(simulated=False)], {'pairing': 'row'})
    _, _, action = read_as_act(folder / 'episode_0.hdf5', 3)
    assert np.allclose(action[0], sent_at(2 / 25))


def test_bad_options_are_refused() -> None:
    for options, message in (
        ({'images': 'png'}, "images 'png'"),
        ({'length': 'short'}, "length 'short'"),
        ({'pairing': 'late'}, "pairing 'late'"),
    ):
        with pytest.raises(WamError, match=message):
            make_format('aloha_hdf5', options)
