"""Reads a data set with Cosmos Policy's own code, in the environment of `make peers`.

python read_with_cosmos.py CHECKOUT FOLDER OUT.npz JSON: arguments of its ALOHADataset beside the
folders. OUT.npz: what it holds in memory, and one sample of each episode.
"""

import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROW = 3


def main() -> int:
    checkout, folder, out, arguments = sys.argv[1:]
    sys.path.insert(0, checkout)
    from cosmos_policy.datasets.aloha_dataset import ALOHADataset

    given = json.loads(arguments)
    embeddings = Path(out).with_suffix('.pkl')
    tasks = {task: torch.zeros(1, 1, 8) for task in given.pop('tasks')}
    embeddings.write_bytes(pickle.dumps(tasks))
    data = ALOHADataset(
        data_dir=f'{folder}/demonstrations',
        rollout_data_dir=f'{folder}/rollouts' if Path(folder, 'rollouts').exists() else '',
        t5_text_embeddings_path=str(embeddings),
        use_image_aug=False,
        use_proprio=True,
        num_duplicates_per_image=4,
        return_value_function_returns=True,
        final_image_size=224,
        **given,
    )
    found: dict[str, Any] = {
        'episodes': data.num_episodes,
        'rows': data.num_steps,
        'rollouts': data.rollout_num_episodes,
        'rollout_rows': data.rollout_num_steps,
        'commands': sorted(data.unique_commands),
    }
    found |= {f'statistics_{key}': value for key, value in data.dataset_stats.items()}
    for number, entry in data.rollout_episode_metadata.items():
        found[f'rollout_{number}'] = Path(entry['file_path']).name
        found[f'rollout_{number}_success'] = entry['success']
        found[f'rollout_{number}_score'] = entry['success_score']
        found[f'rollout_{number}_returns'] = entry['returns']
    samples = {'demonstration': ROW} if data.num_steps else {}
    if data.rollout_num_steps:
        samples |= {
            'success': data.adjusted_demo_count + ROW,
            'failure': data.adjusted_demo_count + data.adjusted_success_rollout_count + ROW,
        }
    for name, index in samples.items():
        if index < len(data):
            sample = data[index]
            found |= {
                f'{name}_{key}': np.asarray(sample[key])
                for key in ('video', 'actions', 'proprio', 'command', 'value_function_return',
                            'rollout_data_mask', 'rollout_data_success_mask')
            }  # fmt: skip
    np.savez(Path(out), **found)
    return 0


if __name__ == '__main__':
    sys.exit(main())
