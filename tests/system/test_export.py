"""What a graph recorded, in every export format."""

import json
from pathlib import Path
from typing import Any

import av
import h5py
import numpy as np
import pytest

from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source

pytestmark = pytest.mark.slow
CAMERAS = ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
ROLLOUT = ('--task', 'transfer_cube', '--policy', 'scripted', '--seed', '3', '--no-preview')
# A machine that is short of cores makes gaps in what is recorded: they are reported, and not what
# is tested here.
EXPORT = ('--max-hold', '5', '--complete', 'any', '--jobs', '1', '--json')


def exported(stack: Any, name: str, *words: str) -> tuple[Path, Any]:
    """A data set of everything under the stack's root, and what the command said."""
    out = stack.folder / name
    root = ('--root', str(stack.root))
    command = stack.run(
        'episodes', 'export', '--format', name, '--out', str(out), *root, *EXPORT, *words
    )
    assert command.wait() == 0, command.output
    return out, json.loads(command.output.splitlines()[-1])


def test_rollouts_are_exported_to_every_format(stack: Any) -> None:
    words = ('--episodes', '2', '--time-limit', '1.5', '--root', str(stack.root))
    command = stack.run('rollout', *ROLLOUT, *words)
    assert command.wait() == 0, stack.report()
    episodes = stack.episodes()
    assert len(episodes) == 2
    rows = []
    for episode in episodes:
        with Source(episode, ExportSettings(max_hold_s=5.0)) as source:
            assert source.simulated
            assert source.cameras == CAMERAS
            # 1.5 s of ticks at 25 Hz, at least; before the end is noticed there are a few more.
            assert source.grid.count >= 37
            assert set(source.action_sources) <= {'policy', 'hold'}
            assert np.all(source.state_stamps_ns <= source.stamps_ns)
            rows.append((source.grid.count, source.state, source.action))
    check_aloha(stack, rows)
    check_cosmos(stack, rows)
    check_lerobot(stack, rows)


def check_aloha(stack: Any, rows: list[Any]) -> None:
    out, told = exported(stack, 'aloha_hdf5', '--option', 'length=own')
    assert (told['episodes'], told['rows']) == (2, sum(count for count, _, _ in rows))
    for number, (count, state, action) in enumerate(rows):
        with h5py.File(out / f'episode_{number}.hdf5') as file:
            assert bool(file.attrs['sim'])
            assert np.allclose(file['observations/qpos'], state, atol=1e-6)
            assert np.allclose(file['action'], action, atol=1e-6)
            for camera in CAMERAS:
                images = file[f'observations/images/{camera}']
                assert images.shape == (count, 480, 640, 3)
                assert images[-1].std() > 5, 'a picture of something'


def check_cosmos(stack: Any, rows: list[Any]) -> None:
    out, _ = exported(stack, 'cosmos')
    for number, (count, _, action) in enumerate(rows):
        place = out / 'rollouts' / 'transfer_cube' / f'episode_{number}'
        with h5py.File(place.with_suffix('.hdf5')) as file:
            assert not file.attrs['success']
            assert file.attrs['task_description'].startswith('pick up the cube')
            assert np.allclose(file['action'], action, atol=1e-6)
        for camera in CAMERAS:
            with av.open(f'{place}_{camera}.mp4') as video:
                assert video.streams.video[0].frames == count
                assert (video.streams.video[0].height, video.streams.video[0].width) == (256, 256)
    statistics = json.loads((out / 'demonstrations' / 'dataset_statistics.json').read_text())
    every = np.concatenate([action for _, _, action in rows])
    assert np.allclose(statistics['actions_median'], np.median(every, axis=0), atol=1e-6)


def check_lerobot(stack: Any, rows: list[Any]) -> None:
    out, _ = exported(stack, 'lerobot_v3', '--option', 'codec=h264')
    described = json.loads((out / 'meta' / 'info.json').read_text())
    assert described['total_episodes'] == 2
    assert described['total_frames'] == sum(count for count, _, _ in rows)
    frames = dict.fromkeys(CAMERAS, 0)
    for path in out.glob('videos/**/*.mp4'):
        camera = next(name for name in CAMERAS if name in str(path))
        with av.open(str(path)) as video:
            frames[camera] += video.streams.video[0].frames
    assert set(frames.values()) == {described['total_frames']}
