"""Synthetic checkpoints with the names and shapes of the official ones, for tests."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch

from wam_policy.cosmos.images.vae import PRESETS as VAES
from wam_policy.cosmos.network.transformer import PRESETS as NETWORKS
from wam_policy.cosmos.sequence.text import FEATURES, TOKENS

Shapes = dict[str, tuple[int, ...]]
INSTRUCTIONS = ('fold shirt', 'put candy in bag')


def network_shapes(preset: str) -> Shapes:
    """Parameters of the official MinimalV1LVGDiT, without a prefix."""
    config = NETWORKS[preset]
    width, head, adaln = config.width, config.head_dim, config.adaln_dim
    shapes: Shapes = {
        'x_embedder.proj.1.weight': (width, (16 + 2) * 4),
        't_embedder.1.linear_1.weight': (width, width),
        't_embedder.1.linear_2.weight': (3 * width, width),
        't_embedding_norm.weight': (width,),
        'final_layer.linear.weight': (16 * 4, width),
        'final_layer.adaln_modulation.1.weight': (adaln, width),
        'final_layer.adaln_modulation.2.weight': (2 * width, adaln),
    }
    block: Shapes = {
        'mlp.layer1.weight': (config.mlp_width, width),
        'mlp.layer2.weight': (width, config.mlp_width),
    }
    for part, source in (('self_attn', width), ('cross_attn', config.text_dim)):
        block[f'{part}.q_proj.weight'] = (width, width)
        block[f'{part}.k_proj.weight'] = (width, source)
        block[f'{part}.v_proj.weight'] = (width, source)
        block[f'{part}.output_proj.weight'] = (width, width)
        block[f'{part}.q_norm.weight'] = (head,)
        block[f'{part}.k_norm.weight'] = (head,)
    for part in ('self_attn', 'cross_attn', 'mlp'):
        block[f'adaln_modulation_{part}.1.weight'] = (adaln, width)
        block[f'adaln_modulation_{part}.2.weight'] = (3 * width, adaln)
    for layer in range(config.layers):
        shapes |= {f'blocks.{layer}.{name}': shape for name, shape in block.items()}
    return shapes


def vae_shapes(preset: str) -> Shapes:
    """Parameters of the official WanVAE_."""
    config = VAES[preset]
    sizes = [config.base_dim * factor for factor in config.dim_mult]
    first, last, z = sizes[0], sizes[-1], config.z_dim
    shapes = conv('conv1', 2 * z, 2 * z, 1, 1, 1) | conv('conv2', z, z, 1, 1, 1)
    shapes |= conv('encoder.conv1', first, 3, 3, 3, 3) | conv('decoder.conv1', last, z, 3, 3, 3)
    shapes |= ends('encoder', last, last, 2 * z) | ends('decoder', last, first, 3)
    layer, size = 0, first
    for level, out in enumerate(sizes):
        for _ in range(config.num_res_blocks):
            shapes |= residual(f'encoder.downsamples.{layer}', size, out)
            layer, size = layer + 1, out
        if level < len(sizes) - 1:
            where = f'encoder.downsamples.{layer}'
            shapes |= conv(f'{where}.resample.1', out, out, 3, 3)
            if config.temperal_downsample[level]:
                shapes |= conv(f'{where}.time_conv', out, out, 3, 1, 1)
            layer += 1
    layer, size = 0, last
    for level, out in enumerate(reversed(sizes)):
        for _ in range(config.num_res_blocks + 1):
            shapes |= residual(f'decoder.upsamples.{layer}', size, out)
            layer, size = layer + 1, out
        if level < len(sizes) - 1:
            where = f'decoder.upsamples.{layer}'
            shapes |= conv(f'{where}.resample.1', out // 2, out, 3, 3)
            if config.temperal_downsample[::-1][level]:
                shapes |= conv(f'{where}.time_conv', 2 * out, out, 3, 1, 1)
            layer, size = layer + 1, out // 2
    return shapes


def conv(name: str, outputs: int, inputs: int, *kernel: int) -> Shapes:
    return {f'{name}.weight': (outputs, inputs, *kernel), f'{name}.bias': (outputs,)}


def residual(name: str, inputs: int, outputs: int) -> Shapes:
    shapes = {
        f'{name}.residual.0.gamma': (inputs, 1, 1, 1),
        f'{name}.residual.3.gamma': (outputs, 1, 1, 1),
        **conv(f'{name}.residual.2', outputs, inputs, 3, 3, 3),
        **conv(f'{name}.residual.6', outputs, outputs, 3, 3, 3),
    }
    if inputs != outputs:
        shapes |= conv(f'{name}.shortcut', outputs, inputs, 1, 1, 1)
    return shapes


def ends(half: str, middle: int, head: int, outputs: int) -> Shapes:
    return {
        **residual(f'{half}.middle.0', middle, middle),
        f'{half}.middle.1.norm.gamma': (middle, 1, 1),
        **conv(f'{half}.middle.1.to_qkv', 3 * middle, middle, 1, 1),
        **conv(f'{half}.middle.1.proj', middle, middle, 1, 1),
        **residual(f'{half}.middle.2', middle, middle),
        f'{half}.head.0.gamma': (head, 1, 1, 1),
        **conv(f'{half}.head.2', outputs, head, 3, 3, 3),
    }


def tensors(shapes: Mapping[str, tuple[int, ...]], prefix: str = '') -> dict[str, torch.Tensor]:
    """Distinct numbers in every tensor, bfloat16."""
    generator = torch.Generator().manual_seed(1)
    return {
        f'{prefix}{name}': torch.randn(shape, generator=generator).to(torch.bfloat16)
        for name, shape in shapes.items()
    }


def statistics(dim: int = 14) -> dict[str, list[float]]:
    """Content of a dataset_statistics.json."""
    numbers = {'min': -1.5, 'max': 2.0, 'mean': 0.1, 'std': 0.5, 'median': 0.0}
    return {
        f'{part}_{measure}': [number + 0.01 * index for index in range(dim)]
        for part in ('actions', 'proprio')
        for measure, number in numbers.items()
    }


def write_source(folder: Path, name: str = 'Cosmos-Policy-Tiny.pt') -> Path:
    """A folder as an official release has it, of the preset tiny, with the VAE beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(tensors(network_shapes('tiny'), 'net.'), folder / name)
    torch.save(tensors(vae_shapes('tiny')), folder / 'tokenizer.pth')
    (folder / 'aloha_dataset_statistics.json').write_text(json.dumps(statistics()))
    generator = torch.Generator().manual_seed(2)
    embeddings = {
        words: torch.randn((1, TOKENS, FEATURES), generator=generator).to(torch.bfloat16)
        for words in INSTRUCTIONS
    }
    with (folder / 'aloha_t5_embeddings.pkl').open('wb') as file:
        pickle.dump(embeddings, file)
    return folder
