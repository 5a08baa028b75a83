"""What was exported and imported again has the rows that were exported."""

from pathlib import Path

import numpy as np
import pytest
from export_episodes import Script, number_of, record

from wam_cli.main import main
from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source

JPEG = {'length': 'own', 'images': 'jpeg'}
WAYS: dict[str, tuple[str, dict[str, str], list[str]]] = {
    'pixels': ('aloha_hdf5', {'length': 'own'}, ['--rate', '25']),
    'jpeg': (
        'aloha_hdf5',
        {'length': 'own', 'images': 'jpeg'},
        ['--rate', '25', '--pixels', 'bgr'],
    ),
    'lerobot': ('lerobot_v3', {'codec': 'h264', 'crf': '10'}, []),
}


@pytest.mark.parametrize('way', WAYS)
def test_rows_come_back(tmp_path: Path, way: str) -> None:
    name, options, words = WAYS[way]
    cameras = dict.fromkeys(('cam_high', 'cam_left_wrist'), (64, 96))
    first = record(tmp_path / 'ours', 1, Script(cameras=cameras))
    folder = tmp_path / 'set'
    export(make_format(name, options), [first], folder, ExportSettings(), Choice())
    again = tmp_path / 'again'
    task = ['--task', 'move the cube', '--root', str(again)]
    assert main(['episodes', 'import', str(folder), *task, *words]) == 0
    (second,) = again.glob('*/*')
    with Source(first, ExportSettings()) as ours, Source(second, ExportSettings()) as theirs:
        assert theirs.grid.count == ours.grid.count == 15
        assert theirs.task == ours.task
        assert np.allclose(theirs.state, ours.state, atol=1e-6)
        assert np.allclose(theirs.action, ours.action, atol=1e-6)
        assert theirs.cameras == ours.cameras
        for camera in ours.cameras:
            pairs = zip(ours.frames(camera), theirs.frames(camera), strict=True)
            for mine, other in pairs:
                assert number_of(mine) == number_of(other)
                # The colour too: a swap of red and blue would be 70 off.
                assert np.abs(mine[:, -1].mean(0) - other[:, -1].mean(0)).max() < 25
