"""Official files to a policy directory, and back into models."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import huggingface_hub
import pytest
import torch
from cosmos_checkpoints import INSTRUCTIONS, network_shapes, tensors, vae_shapes, write_source
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError

from wam_bringup.config import load_policy
from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.directory import load_network, load_weights
from wam_policy.cosmos.checkpoint.importer import Import, import_checkpoint
from wam_policy.cosmos.checkpoint.manifest import (
    EMBEDDINGS,
    NETWORK,
    STATISTICS,
    VAE,
    read_manifest,
)
from wam_policy.cosmos.checkpoint.policy_file import CAMERAS
from wam_policy.cosmos.checkpoint.sources import Request, find_sources
from wam_policy.cosmos.description import read_policy
from wam_policy.cosmos.images.vae import build_vae
from wam_policy.cosmos.network.transformer import PRESETS, build
from wam_policy.cosmos.options import ModelOptions
from wam_policy.cosmos.sequence.layout import Layout, make_layout

LAYOUT = make_layout(CAMERAS, image_size=96)
FILES = {NETWORK, VAE, EMBEDDINGS, STATISTICS}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_source(tmp_path / 'source')


def imported(source: Path, out: Path, **more: str) -> list[str]:
    """The lines that an import reports."""
    lines: list[str] = []
    request = Request(str(source), **more)
    target = Import(out, 'tiny', '2026-01-31', CAMERAS, 50)
    import_checkpoint(find_sources(request, lines.append), target, lines.append)
    return lines


def silent(line: str) -> None:
    """A report that nobody reads."""


def options(directory: Path) -> ModelOptions:
    return ModelOptions(preset='tiny', directory=str(directory), dtype='float32', device='cpu')


def save_network(source: Path, content: object) -> None:
    torch.save(content, source / 'Cosmos-Policy-Tiny.pt')


def test_an_import_gives_what_the_files_hold(source: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    imported(source, out)
    weights = load_weights(options(out), LAYOUT)
    official = tensors(network_shapes('tiny'))
    key, name = 'blocks.1.cross_attn.v_proj.weight', 'transformer_blocks.1.attn2.to_v.weight'
    assert torch.equal(weights.network[name], official[key])
    assert weights.network[name].dtype == torch.bfloat16
    assert torch.equal(
        weights.vae['quant_conv.weight'], tensors(vae_shapes('tiny'))['conv1.weight']
    )
    assert weights.embeddings.instructions == INSTRUCTIONS
    assert weights.statistics.values['actions_min'][1] == pytest.approx(-1.49)
    build(PRESETS['tiny'], torch.device('cpu'), torch.bfloat16).load_state_dict(weights.network)
    build_vae('tiny').load_state_dict(weights.vae)
    assert {path.name for path in out.iterdir()} == FILES | {'manifest.json', 'policy.yaml'}
    assert len({path.stat().st_mode for path in out.iterdir()}) == 1  # whoever reads one reads all


def test_the_policy_file_is_one_that_the_stack_reads(source: Path, tmp_path: Path) -> None:
    imported(source, tmp_path / 'out')
    config = load_policy(str(tmp_path / 'out'))
    parsed, layout = read_policy(config)
    assert config.spec.cameras == CAMERAS
    assert Path(parsed.model.directory).resolve() == tmp_path / 'out'
    assert (parsed.planning.candidates, parsed.decoding.mode) == (1, 'parallel')
    assert (parsed.decoding.action_steps, layout.frames, layout.image_size) == (10, 11, 224)


@pytest.mark.parametrize('container', ['', 'model', 'state_dict'])
@pytest.mark.parametrize('prefix', ['net.', 'net_ema.'])
def test_every_container_and_prefix_gives_the_same(
    source: Path, tmp_path: Path, container: str, prefix: str
) -> None:
    content: dict[str, object] = dict(tensors(network_shapes('tiny'), prefix))
    content[f'{prefix}t_embedding_norm._extra_state'] = io.BytesIO(b'scales')
    content[f'{prefix}accum_iteration'] = torch.tensor(7)
    content[f'{prefix}pos_embedder.seq'] = torch.arange(4.0)
    save_network(source, {container: content} if container else content)
    lines = imported(source, tmp_path / 'out')
    network = load_network(tmp_path / 'out', 'tiny')
    official = tensors(network_shapes('tiny'))
    assert torch.equal(network['proj_out.weight'], official['final_layer.linear.weight'])
    dropped = {'_extra_state': 1, 'accum_*': 1, 'pos_embedder.*': 1}
    assert read_manifest(tmp_path / 'out').files[NETWORK].dropped == dropped
    assert '  dropped 1 of accum_*' in lines


def test_the_weights_in_use_win_over_their_average(source: Path, tmp_path: Path) -> None:
    used = tensors(network_shapes('tiny'), 'net.')
    averaged = {f'net_ema.{key[4:]}': tensor + 1 for key, tensor in used.items()}
    save_network(source, {**averaged, **used})
    imported(source, tmp_path / 'out')
    network = load_network(tmp_path / 'out', 'tiny')
    assert torch.equal(network['proj_out.weight'], used['net.final_layer.linear.weight'])


def test_a_planning_checkpoint_goes_beside_the_policy(source: Path, tmp_path: Path) -> None:
    judge = tmp_path / 'judge'
    judge.mkdir()
    other = {key: -tensor for key, tensor in tensors(network_shapes('tiny'), 'net.').items()}
    torch.save({'model': other}, judge / 'model.pt')
    imported(source, tmp_path / 'out', planning=str(judge))
    parsed, _ = read_policy(load_policy(str(tmp_path / 'out')))
    assert (parsed.planning.candidates, parsed.decoding.mode) == (8, 'autoregressive')
    planning = load_network(parsed.planning.directory, 'tiny')
    again = imported(source, tmp_path / 'out', planning=str(judge))
    assert 'candidates: 8' in again[-1]
    policy = load_network(tmp_path / 'out', 'tiny')
    assert torch.equal(planning['proj_out.weight'], -policy['proj_out.weight'])


def test_a_resumed_import_makes_only_what_is_missing_or_changed(
    source: Path, tmp_path: Path
) -> None:
    out = tmp_path / 'out'
    imported(source, out)
    times = {name: (out / name).stat().st_mtime_ns for name in FILES}
    (out / VAE).write_bytes((out / VAE).read_bytes()[:-1])  # as if it had been interrupted
    content = tensors(network_shapes('tiny'), 'net.')
    save_network(source, {key: 2 * tensor for key, tensor in content.items()})
    (out / 'policy.yaml').write_text('# mine\n')
    lines = imported(source, out)
    made = {name for name in FILES if (out / name).stat().st_mtime_ns != times[name]}
    assert made == {VAE, NETWORK}
    assert f'{out / STATISTICS} is there already' in lines
    assert (out / 'policy.yaml').read_text() == '# mine\n'
    network = load_network(out, 'tiny')
    assert torch.equal(network['proj_out.weight'], 2 * content['net.final_layer.linear.weight'])


def test_what_was_done_before_a_bad_file_is_not_done_again(source: Path, tmp_path: Path) -> None:
    good = (source / 'Cosmos-Policy-Tiny.pt').read_bytes()
    (source / 'Cosmos-Policy-Tiny.pt').write_bytes(good[:5000])
    with pytest.raises(WamError, match='cannot be read as a checkpoint'):
        imported(source, tmp_path / 'out')
    assert not (tmp_path / 'out' / 'policy.yaml').exists()
    (source / 'Cosmos-Policy-Tiny.pt').write_bytes(good)
    there = [line for line in imported(source, tmp_path / 'out') if line.endswith('there already')]
    assert len(there) == 3
    load_weights(options(tmp_path / 'out'), LAYOUT)


def bad_network(source: Path) -> None:
    content = tensors(network_shapes('tiny'), 'net.')
    content['net.x_embedder.proj.1.weight'] = torch.ones(64, 68)
    save_network(source, content)


def lacking_network(source: Path) -> None:
    content = tensors(network_shapes('tiny'), 'net.')
    del content['net.blocks.1.mlp.layer2.weight']
    save_network(source, content)


def text_for_a_tensor(source: Path) -> None:
    content: dict[str, object] = dict(tensors(network_shapes('tiny'), 'net.'))
    content['net.final_layer.linear.weight'] = 'gone'
    save_network(source, content)


def bad_statistics(source: Path) -> None:
    path = source / 'aloha_dataset_statistics.json'
    content = json.loads(path.read_text())
    content['actions_max'] = content['actions_min']
    path.write_text(json.dumps(content))


def no_statistics(source: Path) -> None:
    (source / 'aloha_dataset_statistics.json').unlink()


def no_vae(source: Path) -> None:
    (source / 'tokenizer.pth').unlink()


def no_network(source: Path) -> None:
    (source / 'Cosmos-Policy-Tiny.pt').unlink()


def two_networks(source: Path) -> None:
    (source / 'other.pt').touch()


def distributed(source: Path) -> None:
    (source / 'model').mkdir()
    (source / 'model' / '__0_0.distcp').touch()


@pytest.mark.parametrize(
    ('damage', 'expected'),
    [
        (bad_network, r'patch_embed.proj.weight has shape \(64, 68\), .*\(64, 72\)'),
        (lacking_network, r"lacks \['transformer_blocks.1.ff.net.2.weight'\]"),
        (text_for_a_tensor, 'net.final_layer.linear.weight is str, expected a tensor'),
        (bad_statistics, r'actions_max\[0\]'),
        (no_statistics, 'no file for the statistics.*--statistics'),
        (no_vae, 'no file for the VAE.*--vae'),
        (no_network, 'no file for the network'),
        (two_networks, '2 files for the network'),
        (distributed, 'distributed checkpoint.*dcp_to_torch'),
    ],
)
def test_bad_sources_are_refused(
    damage: Callable[[Path], None], expected: str, source: Path, tmp_path: Path
) -> None:
    damage(source)
    with pytest.raises(WamError, match=expected):
        imported(source, tmp_path / 'out')
    assert not (tmp_path / 'out' / NETWORK).exists()


def test_another_preset_in_the_directory_is_refused(source: Path, tmp_path: Path) -> None:
    imported(source, tmp_path / 'out')
    with pytest.raises(WamError, match="holds preset 'tiny', the import has '2b'"):
        sources = find_sources(Request(str(source)), silent)
        import_checkpoint(
            sources, Import(tmp_path / 'out', '2b', '2026-01-31', CAMERAS, 50), print
        )


def test_the_files_of_a_release_are_found_on_the_hub(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / 'tokenizer.pth').rename(source / 'vae.pth')
    asked = []

    def download(name: str, revision: str | None, allow_patterns: list[str]) -> str:
        asked.append((name, revision))
        if name.startswith('Wan-AI'):
            (source / 'vae').mkdir()
            (source / 'vae' / 'diffusion_pytorch_model.safetensors').touch()
        return str(source)

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', download)
    found = find_sources(Request('owner/name@v1'), silent)
    assert asked == [('owner/name', 'v1'), ('Wan-AI/Wan2.1-T2V-1.3B-Diffusers', None)]
    assert found.network == source / 'Cosmos-Policy-Tiny.pt'
    assert found.vae == source / 'vae' / 'diffusion_pytorch_model.safetensors'


@pytest.mark.parametrize(
    'error',
    [LocalEntryNotFoundError('no connection'), HfHubHTTPError.__bases__[0]('time out'), OSError()],
)
def test_a_hub_that_does_not_answer_is_a_clear_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(name: str, **_: object) -> str:
        raise error

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', download)
    with pytest.raises(WamError, match=r'owner/name: not here, .*hub did not give it'):
        find_sources(Request('owner/name'), silent)


def test_a_gated_repository_says_how_to_get_in(monkeypatch: pytest.MonkeyPatch) -> None:
    def download(name: str, **_: object) -> str:
        raise GatedRepoError('403', response=MagicMock())

    monkeypatch.setattr(huggingface_hub, 'snapshot_download', download)
    with pytest.raises(WamError, match=r'accept the terms at https://huggingface\.co/owner/name'):
        find_sources(Request('owner/name'), silent)


def test_a_place_that_is_nowhere_is_refused() -> None:
    with pytest.raises(WamError, match='no such file or folder, and no id'):
        find_sources(Request('/no/such/place'), silent)


def test_a_tampered_file_is_refused_with_both_hashes(source: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    imported(source, out)
    content = bytearray((out / NETWORK).read_bytes())
    content[-1] ^= 1
    (out / NETWORK).write_bytes(content)
    expected = read_manifest(out).files[NETWORK].sha256
    with pytest.raises(WamError, match=f'SHA-256 [0-9a-f]{{64}}, manifest.json says {expected}'):
        load_weights(options(out), LAYOUT)
    (out / NETWORK).write_bytes(content[:-10])
    size = len(content)
    with pytest.raises(WamError, match=f'has {size - 10} bytes, manifest.json says {size}'):
        load_network(out, 'tiny')


def test_statistics_of_another_training_are_refused(source: Path, tmp_path: Path) -> None:
    out = tmp_path / 'out'
    imported(source, out)
    changed = (out / STATISTICS).read_text().replace('-1.5', '-1.6', 1)
    (out / STATISTICS).write_text(changed)
    with pytest.raises(WamError, match=r'statistics.json has the SHA-256'):
        load_weights(options(out), LAYOUT)


@pytest.mark.parametrize(
    ('model', 'layout', 'expected'),
    [
        ({'preset': '2b'}, LAYOUT, "has preset 'tiny', the policy file '2b'"),
        ({}, replace(LAYOUT, action_dim=7), 'actions of 14 numbers, the policy has 7'),
        ({}, replace(LAYOUT, state_dim=9), 'states of 14 numbers, the policy has 9'),
    ],
)
def test_sizes_that_do_not_fit_are_refused(
    source: Path, tmp_path: Path, model: dict[str, str], layout: Layout, expected: str
) -> None:
    imported(source, tmp_path / 'out')
    with pytest.raises(WamError, match=expected):
        load_weights(replace(options(tmp_path / 'out'), **model), layout)  # type: ignore[arg-type]


def test_a_directory_that_was_not_imported_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WamError, match=r'no imported checkpoint.*wam policy import'):
        load_weights(options(tmp_path), LAYOUT)


@pytest.mark.parametrize('text', ['', '{}', '[]', '{"format": 2}', 'a\x00'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / 'manifest.json').write_text(text)
    with pytest.raises(WamError, match=r'manifest\.json'):
        load_network(tmp_path, 'tiny')
