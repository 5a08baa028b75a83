"""From the official files and an observation to actions, against the official ``get_action``."""

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import cosmos_golden as golden
import numpy as np
import pytest
import torch

from wam_core.policy import InferenceRequest, Observation, PolicyConfig, PolicySpec
from wam_policy.cosmos.checkpoint.importer import Import, import_checkpoint
from wam_policy.cosmos.checkpoint.sources import Request, find_sources
from wam_policy.cosmos.policy import CosmosPolicy
from wam_policy.remote import json_arrays
from wam_policy.remote.cosmos_reply import ReplyReader

TASK = 'fold shirt'
SPEC = PolicySpec('golden', golden.CAMERAS, 64, 80, 'pil_bicubic', horizon=8, dt_ns=40_000_000)


def official_files(folder: Path, actions: int, state: int) -> Path:
    """A checkpoint as the official code writes it, with the recorded results' weights."""
    folder.mkdir()
    network = golden.official_weights('network tiny', golden.POLICY)
    torch.save({f'net.{name}': tensor for name, tensor in network.items()}, folder / 'policy.pt')
    planning = golden.official_weights('network tiny', golden.PLANNING)
    torch.save(
        {'model': {f'net.{name}': tensor for name, tensor in planning.items()}},
        folder.parent / 'planning.pt',
    )
    torch.save(golden.official_weights('vae tiny', golden.VAE), folder / 'tokenizer.pth')
    with (folder / 'some_t5_embeddings.pkl').open('wb') as file:
        pickle.dump({TASK: golden.text()[None]}, file)
    statistics = {
        key: row[: actions if key.startswith('actions') else state]
        for key, row in golden.records('statistics').items()
    }
    (folder / 'some_dataset_statistics.json').write_text(json.dumps(statistics))
    return folder


def policy(folder: Path, spec: PolicySpec, dtype: str = 'float32', **more: Any) -> CosmosPolicy:
    """Imported from official files. more: sections of the options."""
    source = official_files(folder / 'official', spec.action_dim, spec.state_dim)
    target = Import(folder / 'out', 'tiny', '2026-01-31', spec.cameras, spec.horizon)
    notes: list[str] = []
    request = Request(str(source), planning=str(folder / 'planning.pt'))
    import_checkpoint(find_sources(request, notes.append), target, notes.append)
    options = {
        'model': {'preset': 'tiny', 'directory': str(folder / 'out'), 'dtype': dtype,
                  # The official code takes and gives grippers as they are.
                  'device': 'cpu', 'gripper_state': 'angle'},
        'image': {'size': 48, **more.get('image', {})},
        'decoding': {'action_steps': 5, **more.get('decoding', {})},
        'planning': more.get('planning', {}),
        'savings': {'compile': 'off', **more.get('savings', {})},
        'warm_up': False,
    }  # fmt: skip
    loaded = CosmosPolicy(PolicyConfig('cosmos', spec, options))
    loaded.reset(TASK)
    return loaded


def ask(ours: CosmosPolicy) -> Any:
    """About the recorded observation."""
    images, state = golden.observation()
    cameras = ours.spec.cameras
    shown = np.stack([images[golden.CAMERAS.index(camera)] for camera in cameras])
    position = state[: ours.spec.state_dim].astype(np.float64)
    observation = Observation(0, shown, position, np.zeros(14), np.zeros(14))
    request = InferenceRequest(1, TASK, 'none', np.zeros((0, ours.spec.action_dim)), 0)
    return ours.infer(observation, request)


def test_aloha_actions_value_and_future_are_the_official_ones(tmp_path: Path) -> None:
    prediction, given = ask(policy(tmp_path, SPEC)), golden.arrays('end_to_end')
    assert np.abs(prediction.actions - given['actions']).max() < 5e-5
    assert prediction.value == pytest.approx(float(given['value']), abs=2e-5)
    difference = np.abs(prediction.decode_images()[0].astype(int) - given['images'])
    assert difference.max() <= 1
    assert np.mean(difference > 0) < 1e-3


def test_other_cameras_and_sizes_give_the_official_actions_too(tmp_path: Path) -> None:
    """LIBERO's sequence: nine frames, one wrist camera, chunks of seven numbers, JPEG."""
    spec = replace(SPEC, cameras=('left', 'high'), horizon=16, action_dim=7, state_dim=9)
    prediction = ask(policy(tmp_path, spec, image={'jpeg_quality': 95}))
    given = golden.arrays('end_to_end')
    assert np.abs(prediction.actions - given['libero actions']).max() < 5e-5
    assert prediction.value == pytest.approx(float(given['libero value']), abs=2e-5)
    difference = np.abs(prediction.decode_images()[0].astype(int) - given['libero images'])
    assert difference.max() <= 1


@pytest.mark.parametrize('compiled', ['off', pytest.param('on', marks=pytest.mark.slow)])
def test_bfloat16_actions_are_the_official_ones(tmp_path: Path, compiled: str) -> None:
    """Equal on one processor; another one may sum in another order before it rounds."""
    ours = policy(tmp_path, SPEC, 'bfloat16', savings={'compile': compiled})
    prediction, given = ask(ours), golden.arrays('end_to_end')
    theirs = np.sqrt(np.mean((given['actions bfloat16'] - given['actions']) ** 2))
    apart = np.sqrt(np.mean((prediction.actions - given['actions bfloat16']) ** 2))
    assert apart < 0.35 * theirs
    assert prediction.value == pytest.approx(float(given['value bfloat16']), abs=2e-3)
    images = prediction.decode_images()[0, :, ::2, ::2].astype(int)
    assert np.abs(images - given['images bfloat16']).mean() < 0.5


def test_best_of_three_is_the_official_one(tmp_path: Path) -> None:
    """With the planning checkpoint of the import, as the official server answers."""
    ours = policy(
        tmp_path,
        SPEC,
        decoding={'mode': 'autoregressive'},
        planning={'candidates': 3, 'directory': str(tmp_path / 'out' / 'planning'), 'futures': 2,
                  'values': 3, 'future_steps': 3, 'value_steps': 3},
    )  # fmt: skip
    prediction = ask(ours)
    record, given = golden.records('planning')['v'], golden.arrays('planning')
    actions = np.stack([candidate.actions for candidate in prediction.candidates])
    assert np.abs(actions - given['v actions']).max() < 5e-5
    values = [candidate.value for candidate in prediction.candidates]
    assert values == pytest.approx(record['values'], abs=2e-5)
    assert prediction.chosen == record['chosen']
    images = prediction.decode_images()[:, :, ::2, ::2].astype(int)
    assert np.abs(images - given['v images']).max() <= 1


def test_official_servers_reply_reads_like_our_own_prediction(tmp_path: Path) -> None:
    """The bytes with which the official server answered ``cosmos_http``'s request."""
    text = (golden.DATA / 'server_reply.json').read_bytes()
    keys = ('left_wrist_image', 'right_wrist_image', 'primary_image')
    cameras = dict(zip(keys, golden.CAMERAS, strict=True))
    reader = ReplyReader(SPEC, cameras, 'angle', 'server')
    theirs = reader.read(json_arrays.loads(text, 'server'))
    assert theirs.decode_images is not None
    ours = ask(
        policy(
            tmp_path,
            SPEC,
            decoding={'mode': 'autoregressive', 'action_steps': 2},
            planning={'candidates': 2, 'directory': str(tmp_path / 'out' / 'planning'),
                      'futures': 1, 'values': 1, 'future_steps': 2, 'value_steps': 2,
                      'aggregation': 'average'},
        )
    )  # fmt: skip
    assert np.abs(ours.actions - theirs.actions).max() < 5e-5
    assert ours.chosen == theirs.chosen
    for mine, other in zip(ours.candidates, theirs.candidates, strict=True):
        assert np.abs(mine.actions - other.actions).max() < 5e-5
        assert mine.value == pytest.approx(other.value, abs=2e-5)
    difference = ours.decode_images().astype(int) - theirs.decode_images()
    assert np.abs(difference).max() <= 1
