"""Names of the official checkpoints' tensors, and the names that diffusers gives the same ones.

Sources of the names: cosmos-policy, MinimalV1LVGDiT and WanVAE_; diffusers 0.42,
CosmosTransformer3DModel and AutoencoderKLWan.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wam_core.errors import WamError

_PREFIXES: Final = ('net.', 'net_ema.', '')  # what the official code loads, if it is there, first
# Of torch.compile and activation checkpointing, inside a name.
_WRAPPERS: Final = re.compile(r'(^|(?<=\.))(_orig_mod|_checkpoint_wrapped_module)\.')
_DROPPED: Final = {
    '_extra_state': re.compile(r'(^|\.)_extra_state$'),  # FP8 scales of TransformerEngine
    'accum_*': re.compile(r'^accum_\w+$'),  # training counters
    'pos_embedder.*': re.compile(r'^pos_embedder\.'),  # rotary ranges; computed
}
_NETWORK: Final = {
    't_embedder.1.linear_{1,2}': 'time_embed.t_embedder.linear_{}',
    't_embedding_norm': 'time_embed.norm',
    'x_embedder.proj.1': 'patch_embed.proj',
    'final_layer.linear': 'proj_out',
    'final_layer.adaln_modulation.{1,2}': 'norm_out.linear_{}',
}
_BLOCK: Final = {
    'adaln_modulation_self_attn.{1,2}': 'norm1.linear_{}',
    'adaln_modulation_cross_attn.{1,2}': 'norm2.linear_{}',
    'adaln_modulation_mlp.{1,2}': 'norm3.linear_{}',
    'mlp.layer1': 'ff.net.0.proj',
    'mlp.layer2': 'ff.net.2',
}
_ATTENTION: Final = {
    'q_proj': 'to_q',
    'k_proj': 'to_k',
    'v_proj': 'to_v',
    'output_proj': 'to_out.0',
    'q_norm': 'norm_q',
    'k_norm': 'norm_k',
}
_RESIDUAL: Final = {
    'residual.0': 'norm1',
    'residual.2': 'conv1',
    'residual.3': 'norm2',
    'residual.6': 'conv2',
    'shortcut': 'conv_shortcut',
}
_VAE_ENDS: Final = {
    'conv1': 'quant_conv',
    'conv2': 'post_quant_conv',
    **{
        f'{half}.{official}': f'{half}.{name}'
        for half in ('encoder', 'decoder')
        for official, name in (
            ('conv1', 'conv_in'),
            ('head.0', 'norm_out'),
            ('head.2', 'conv_out'),
        )
    },
}


@dataclass(frozen=True)
class KeyMap:
    """mapped: diffusers' name -> key of the file. dropped: kind -> keys of the file."""

    mapped: Mapping[str, str]
    dropped: Mapping[str, tuple[str, ...]]

    def counts(self) -> dict[str, int]:
        """How many keys of each kind were dropped."""
        return {kind: len(keys) for kind, keys in self.dropped.items()}


def map_network(keys: Iterable[str], source: str) -> KeyMap:
    """Maps or names every key. ``net.`` wins over ``net_ema.``, as in the official loader.

    Raises WamError naming keys that are neither mapped nor known to be unneeded.
    """
    keys = list(keys)
    found = (word for word in _PREFIXES if any(key.startswith(word) for key in keys))
    prefix = next(found, '')
    mapped: dict[str, str] = {}
    dropped: dict[str, list[str]] = {}
    unknown: list[str] = []
    for key in keys:
        kind = _dropped_kind(key, prefix)
        if kind:
            dropped.setdefault(kind, []).append(key)
            continue
        name = network_name(_WRAPPERS.sub('', key.removeprefix(prefix)))
        if name is None or name in mapped:
            unknown.append(key)
        else:
            mapped[name] = key
    _refuse(unknown, source)
    return KeyMap(mapped, {kind: tuple(names) for kind, names in dropped.items()})


def network_name(key: str) -> str | None:
    """Name in diffusers of an official tensor, without prefix; None for an unknown one."""
    if found := re.fullmatch(r'blocks\.(\d+)\.(.+)\.weight', key):
        name = _block_name(found[2])
        return name and f'transformer_blocks.{found[1]}.{name}.weight'
    name = _translate(key.removesuffix('.weight'), _NETWORK) if key.endswith('.weight') else None
    return name and f'{name}.weight'


def map_vae(keys: Iterable[str], source: str) -> KeyMap:
    """Maps every key of the official Wan 2.1 VAE, or of diffusers' own. Raises WamError."""
    keys = list(keys)
    if any(key.startswith('encoder.conv_in.') for key in keys):
        return KeyMap({key: key for key in keys}, {})
    # The official decoder counts its layers through; diffusers within each resolution.
    resampling = [
        int(found[1])
        for key in keys
        if (found := re.match(r'decoder\.upsamples\.(\d+)\.resample\.', key))
    ]
    per_block = min(resampling) if resampling else 0
    mapped = {name: key for key in keys if (name := vae_name(key, per_block)) is not None}
    _refuse(sorted(set(keys) - set(mapped.values())), source)
    return KeyMap(mapped, {})


def vae_name(key: str, resnets: int) -> str | None:
    """Name in diffusers of an official VAE tensor. resnets: of a resolution of the decoder."""
    stem, _, kind = key.rpartition('.')  # weight, bias or gamma
    if stem in _VAE_ENDS:
        return f'{_VAE_ENDS[stem]}.{kind}'
    if found := re.fullmatch(r'(encoder|decoder)\.middle\.1\.(norm|to_qkv|proj)', stem):
        return f'{found[1]}.mid_block.attentions.0.{found[2]}.{kind}'
    if found := re.fullmatch(r'(encoder|decoder)\.middle\.([02])\.(.+)', stem):
        inner = _RESIDUAL.get(found[3])
        return inner and f'{found[1]}.mid_block.resnets.{int(found[2]) // 2}.{inner}.{kind}'
    if found := re.fullmatch(r'encoder\.downsamples\.(\d+)\.(.+)', stem):
        inner = _layer_name(found[2])
        return inner and f'encoder.down_blocks.{found[1]}.{inner}.{kind}'
    if found := re.fullmatch(r'decoder\.upsamples\.(\d+)\.(.+)', stem):
        return _upsample_name(int(found[1]), found[2], kind, resnets)
    return None


def _upsample_name(index: int, layer: str, kind: str, resnets: int) -> str | None:
    block, place = divmod(index, resnets + 1)
    inner = _layer_name(layer)
    if inner is None or (place == resnets) != (inner not in _RESIDUAL.values()):
        return None
    where = 'upsamplers.0' if place == resnets else f'resnets.{place}'
    return f'decoder.up_blocks.{block}.{where}.{inner}.{kind}'


def _layer_name(layer: str) -> str | None:
    return layer if layer in ('resample.1', 'time_conv') else _RESIDUAL.get(layer)


def _block_name(layer: str) -> str | None:
    for official, name in (('self_attn.', 'attn1.'), ('cross_attn.', 'attn2.')):
        if layer.startswith(official):
            inner = _ATTENTION.get(layer.removeprefix(official))
            return inner and name + inner
    return _translate(layer, _BLOCK)


def _translate(key: str, table: Mapping[str, str]) -> str | None:
    """A pattern ending in {1,2} stands for both numbers, which go where the name has {}."""
    if key in table:
        return table[key]
    name = table.get(f'{key[:-1]}{{1,2}}') if key[-1:] in ('1', '2') else None
    return name and name.format(key[-1])


def _dropped_kind(key: str, prefix: str) -> str:
    """Why a key is not needed; empty: it is."""
    if not key.startswith(prefix):
        return 'net_ema.*' if key.startswith('net_ema.') else 'outside the network'
    bare = _WRAPPERS.sub('', key.removeprefix(prefix))
    return next((kind for kind, pattern in _DROPPED.items() if pattern.search(bare)), '')


def _refuse(unknown: list[str], source: str) -> None:
    if unknown:
        raise WamError(
            f'{source}: {len(unknown)} unknown tensors, the first are {unknown[:3]}: this is no '
            'checkpoint of a network or VAE that Cosmos Policy uses'
        )
