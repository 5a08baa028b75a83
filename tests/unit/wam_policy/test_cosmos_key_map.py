"""Names of official checkpoints against the models of diffusers."""

import pytest
from cosmos_checkpoints import network_shapes, vae_shapes

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.key_map import KeyMap, map_network, map_vae
from wam_policy.cosmos.checkpoint.shapes import check_shapes


def mapped_shapes(
    keys: KeyMap, shapes: dict[str, tuple[int, ...]], prefix: str = ''
) -> dict[str, tuple[int, ...]]:
    return {name: shapes[key.removeprefix(prefix)] for name, key in keys.mapped.items()}


@pytest.mark.parametrize('prefix', ['net.', 'net_ema.', ''])
def test_all_567_tensors_of_the_2b_network_are_mapped(prefix: str) -> None:
    shapes = network_shapes('2b')
    keys = map_network([f'{prefix}{name}' for name in shapes], 'x')
    assert len(keys.mapped) == 567
    assert keys.dropped == {}
    check_shapes('x', mapped_shapes(keys, shapes, prefix), 'network', '2b')


@pytest.mark.parametrize(('preset', 'count'), [('2b', 194), ('tiny', 146)])
def test_all_tensors_of_the_vae_are_mapped(preset: str, count: int) -> None:
    shapes = vae_shapes(preset)
    keys = map_vae(shapes, 'x')
    assert len(keys.mapped) == count
    check_shapes('x', mapped_shapes(keys, shapes), 'VAE', preset)


# Shapes alone would not tell these from their neighbours.
@pytest.mark.parametrize(
    ('official', 'name'),
    [
        ('blocks.27.self_attn.q_proj.weight', 'transformer_blocks.27.attn1.to_q.weight'),
        ('blocks.1.cross_attn.k_norm.weight', 'transformer_blocks.1.attn2.norm_k.weight'),
        ('blocks.0.cross_attn.output_proj.weight', 'transformer_blocks.0.attn2.to_out.0.weight'),
        ('blocks.2.adaln_modulation_mlp.2.weight', 'transformer_blocks.2.norm3.linear_2.weight'),
        (
            'blocks.2.adaln_modulation_self_attn.1.weight',
            'transformer_blocks.2.norm1.linear_1.weight',
        ),
        (
            'blocks.2.adaln_modulation_cross_attn.1.weight',
            'transformer_blocks.2.norm2.linear_1.weight',
        ),
        ('final_layer.adaln_modulation.2.weight', 'norm_out.linear_2.weight'),
        ('t_embedder.1.linear_1.weight', 'time_embed.t_embedder.linear_1.weight'),
    ],
)
def test_network_names(official: str, name: str) -> None:
    assert map_network([f'net.{official}'], 'x').mapped == {name: f'net.{official}'}


def test_vae_names() -> None:
    mapped = map_vae(vae_shapes('2b'), 'x').mapped
    assert mapped['quant_conv.weight'] == 'conv1.weight'
    assert mapped['encoder.conv_in.bias'] == 'encoder.conv1.bias'
    assert mapped['encoder.down_blocks.3.norm2.gamma'] == 'encoder.downsamples.3.residual.3.gamma'
    assert mapped['encoder.mid_block.resnets.1.conv1.bias'] == 'encoder.middle.2.residual.2.bias'
    upsamples = 'decoder.upsamples'
    assert mapped['decoder.up_blocks.1.resnets.0.conv2.bias'] == f'{upsamples}.4.residual.6.bias'
    upsampler = 'decoder.up_blocks.1.upsamplers.0.time_conv.weight'
    assert mapped[upsampler] == f'{upsamples}.7.time_conv.weight'
    assert mapped['decoder.up_blocks.3.resnets.2.conv1.bias'] == f'{upsamples}.14.residual.2.bias'


def test_the_vae_of_diffusers_keeps_its_names() -> None:
    names = list(map_vae(vae_shapes('tiny'), 'x').mapped)
    assert map_vae(names, 'x').mapped == dict(zip(names, names, strict=True))


def test_what_is_not_needed_is_dropped_by_kind() -> None:
    extra = [
        'net.blocks.0.self_attn.q_norm._extra_state',
        'net.t_embedding_norm._extra_state',
        'net.accum_iteration',
        'net.accum_video_sample_counter',
        'net.pos_embedder.seq',
        'net.pos_embedder.dim_spatial_range',
        'net.pos_embedder.dim_temporal_range',
        'net_ema.x_embedder.proj.1.weight',
        'logvar.0.freqs',
    ]
    keys = map_network([*(f'net.{name}' for name in network_shapes('tiny')), *extra], 'x')
    assert keys.counts() == {
        '_extra_state': 2,
        'accum_*': 2,
        'pos_embedder.*': 3,
        'net_ema.*': 1,
        'outside the network': 1,
    }
    assert not set(extra) & set(keys.mapped.values())


def test_names_of_wrapped_modules_are_understood() -> None:
    key = 'net._orig_mod.blocks.0._checkpoint_wrapped_module.mlp.layer1.weight'
    expected = {'transformer_blocks.0.ff.net.0.proj.weight': key}
    assert map_network([key], 'x').mapped == expected


@pytest.mark.parametrize(
    'key',
    [
        'net.blocks.0.self_attn.v_norm.weight',
        'net.blocks.0.mlp.layer3.weight',
        'net.blocks.x.mlp.layer1.weight',
        'net.t_embedder.1.linear_1.bias',
        'net.t_embedder.1.linear_3.weight',
        'net.img_context_proj.0.weight',
    ],
)
def test_an_unknown_network_key_is_refused_by_name(key: str) -> None:
    with pytest.raises(WamError, match=key.replace('.', r'\.')):
        map_network(['net.x_embedder.proj.1.weight', key], 'x')


def test_two_keys_for_one_tensor_are_refused() -> None:
    wrapped = 'net._orig_mod.x_embedder.proj.1.weight'
    with pytest.raises(WamError, match='_orig_mod'):
        map_network(['net.x_embedder.proj.1.weight', wrapped], 'x')


@pytest.mark.parametrize(
    'key',
    [
        'encoder.downsamples.0.residual.1.weight',
        'decoder.upsamples.1.time_conv.weight',
        'decoder.upsamples.2.shortcut.weight',
        'decoder.middle.1.residual.0.gamma',
        'head.weight',
    ],
)
def test_an_unknown_vae_key_is_refused_by_name(key: str) -> None:
    with pytest.raises(WamError, match=key.replace('.', r'\.')):
        map_vae([*vae_shapes('tiny'), key], 'x')


@pytest.mark.parametrize(
    ('change', 'expected'),
    [
        ({'proj_out.weight': None}, r"lacks \['proj_out.weight'\]"),
        ({'more': (1,)}, r"has unknown \['more'\]"),
        ({'proj_out.weight': (3, 64)}, r'proj_out.weight has shape \(3, 64\), .*\(64, 64\)'),
    ],
)
def test_wrong_shapes_are_refused_with_both_sides(
    change: dict[str, tuple[int, ...] | None], expected: str
) -> None:
    shapes = network_shapes('tiny')
    found: dict[str, tuple[int, ...] | None] = dict(
        mapped_shapes(map_network(shapes, 'x'), shapes)
    )
    found |= change
    with pytest.raises(WamError, match=expected):
        check_shapes('x', {name: s for name, s in found.items() if s}, 'network', 'tiny')
