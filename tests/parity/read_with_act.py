"""Reads a data set with ACT's own code: python read_with_act.py CHECKOUT FOLDER EPISODES OUT.npz.

Runs in the environment of `make peers`. OUT.npz: for each episode its first row and one in the
middle, as the data set gives them, in the units of the files again.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

CAMERAS = ['cam_high', 'cam_left_wrist', 'cam_right_wrist']
ROWS = (0, 7)


def main() -> int:
    checkout, folder, episodes, out = sys.argv[1:]
    # Its debugger hook, which nothing of it needs.
    console: Any = ModuleType('IPython')
    console.embed = None
    sys.modules['IPython'] = console
    sys.path.insert(0, checkout)
    import utils  # ACT's

    count = int(episodes)
    statistics = utils.get_norm_stats(folder, count)
    found: dict[str, Any] = {key: statistics[key] for key in ('action_mean', 'qpos_std')}
    for episode in range(count):
        data = utils.EpisodicDataset([episode], folder, CAMERAS, statistics)
        for row in ROWS:
            np.random.choice = lambda length, row=row: row  # which row a sample begins at
            images, state, action, padded = data[0]
            scale = {key: np.asarray(value) for key, value in statistics.items()}
            found |= {
                f'images_{episode}_{row}': np.round(255 * images.numpy()).astype(np.uint8),
                f'state_{episode}_{row}': state.numpy() * scale['qpos_std'] + scale['qpos_mean'],
                f'action_{episode}_{row}': (
                    action.numpy() * scale['action_std'] + scale['action_mean']
                ),
                f'padded_{episode}_{row}': padded.numpy(),
            }
    training, _, _, simulated = utils.load_data(folder, count, CAMERAS, 1, 1)
    batch = next(iter(training))
    found |= {'batch_images': np.array(batch[0].shape), 'simulated': simulated}
    np.savez(Path(out), **found)
    return 0


if __name__ == '__main__':
    sys.exit(main())
