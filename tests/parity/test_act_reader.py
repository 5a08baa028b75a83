"""Data sets of the format aloha_hdf5, read by ACT's own code (github.com/tonyzhaozh/act).

WAM_PEER_ACT names a checkout of it; `make peers` installs the packages that it needs.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_episodes import Script, number_of, record, sent_at, state_of
from export_readers import read

from wam_data.export.formats import make_format
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings


def read_by_act(tmp_path: Path, simulated: bool, options: dict[str, Any]) -> Any:
    scripts = [
        Script(simulated=simulated),
        Script(simulated=simulated, seconds=0.4, raw=True),
    ]
    paths = [record(tmp_path, number, script) for number, script in enumerate(scripts, start=1)]
    made = make_format('aloha_hdf5', options)
    out = export(made, paths, tmp_path / 'out', ExportSettings(), Choice()).folder
    arguments = [str(out), '2', '{out}']
    return read('read_with_act.py', 'WAM_PEER_ACT', 'ACT', arguments, tmp_path / 'read.npz')


@pytest.mark.parametrize(
    ('simulated', 'options'), [(True, {}), (False, {'pairing': 'act'})], ids=['sim', 'real']
)
def test_act_sees_the_moment_and_the_commands_from_there_on(
    tmp_path: Path, simulated: bool, options: dict[str, Any]
) -> None:
    found = read_by_act(tmp_path, simulated, options)
    assert bool(found['simulated']) is simulated
    assert found['batch_images'].tolist() == [1, 3, 3, 32, 48]
    for episode, last in ((0, 14), (1, 9)):
        for row in (0, 7):
            assert np.allclose(found[f'state_{episode}_{row}'], state_of(row / 25), atol=1e-5)
            images = found[f'images_{episode}_{row}'].transpose(0, 2, 3, 1)
            assert [number_of(pixels) for pixels in images] == [int(row / 25 * 30 + 1e-6)] * 3
            actions = found[f'action_{episode}_{row}'][~found[f'padded_{episode}_{row}']]
            # Of a real rig it takes the row before, but for the first one; with this pairing that
            # row has the command of this one, and the first row that of the second.
            first = row if simulated or row else 1
            expected = [sent_at(min(at, last) / 25) for at in range(first, first + len(actions))]
            assert np.allclose(actions, expected, atol=1e-5)
