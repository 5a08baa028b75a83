"""What a Cosmos Policy file may state under ``options``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wam_core.gripper_scale import SCALES
from wam_core.mapping import Section
from wam_core.options import parameter, read

# Numbers of the official code: cosmos-policy, experiments/robot/aloha/deploy.py and README.
AGGREGATIONS: Final = ('average', 'lcb', 'success_vote', 'majority_mean')
VALUES: Final = ('v', 'q')


@dataclass(frozen=True)
class ModelOptions:
    """Which network, from where, on what."""

    preset: str = parameter('2b', 'sizes of network and VAE', allowed=('2b', 'tiny'))
    directory: str = parameter('', 'of an imported checkpoint; empty: random weights, see `seed`')
    seed: int = parameter(0, 'of random weights; without directory only', lower=0, upper=2**31)
    device: str = parameter('auto', 'auto: the first GPU, else the CPU; or cpu, cuda, cuda:1, ...')
    dtype: str = parameter('bfloat16', 'of the network', allowed=('bfloat16', 'float32'))
    t5: str = parameter('', 'directory of a T5 encoder, for unknown instructions (transformers)')
    threads: int = parameter(0, "of the CPU; 0: PyTorch's choice", lower=0, upper=256)
    gripper_state: str = parameter(
        'finger', "grippers in the training data's states: finger positions, as ALOHA records "
        'them (finger_ros2: Interbotix/aloha), or motor angles, as in its actions', allowed=SCALES,
    )  # fmt: skip
    proprioception: bool = parameter(True, 'whether the sequence holds the state of the arms')


@dataclass(frozen=True)
class ImageOptions:
    """From the spec's image to the network's, in this order."""

    flip: bool = parameter(False, 'turn upside down (LIBERO, RoboCasa)')
    jpeg_quality: int = parameter(0, '0: off; 95 for LIBERO and RoboCasa', lower=0, upper=100)
    size: int = parameter(224, 'after a bicubic resize', unit='px', lower=16, upper=1024)
    crop_area: float = parameter(
        0.9, 'share kept by the centre crop, then resized back; 1: off', lower=0.1, upper=1.0
    )


@dataclass(frozen=True)
class DecodingOptions:
    """How action, future state and value come out of noise."""

    mode: str = parameter(
        'parallel', 'parallel: all in one run; autoregressive: one run each',
        allowed=('parallel', 'autoregressive'),
    )  # fmt: skip
    action_steps: int = parameter(10, 'network evaluations for the action', lower=1, upper=100)
    future_steps: int = parameter(1, 'for the future state', lower=1, upper=100)
    value_steps: int = parameter(1, 'for the value', lower=1, upper=100)
    value: str = parameter('v', "v: V(s'), q: Q(s, a)", allowed=VALUES)
    masked: bool = parameter(True, 'V sees the future only, Q the present only, as trained')
    seed: int = parameter(195, 'of the noise', lower=0, upper=2**32 - 1)
    seed_per_request: str = parameter(
        'same', 'same: every request alike; next: seed + number of the request since the reset',
        allowed=('same', 'next'),
    )  # fmt: skip
    variance_scale: bool = parameter(False, 'scale the noise by a seeded factor, for diversity')
    prefix: str = parameter(
        'guide',
        "how an rtc request's frozen rows enter: guide pulls the rest along, and "
        'takes several times as long',
        allowed=('off', 'replace', 'guide'),
    )


@dataclass(frozen=True)
class PlanningOptions:
    """Best of N. candidates 1: off."""

    candidates: int = parameter(1, 'action chunks to choose from', lower=1, upper=256)
    directory: str = parameter('', 'of the planning checkpoint; empty: the policy judges itself')
    futures: int = parameter(3, 'predicted futures per candidate', lower=1, upper=64)
    values: int = parameter(5, 'values per future', lower=1, upper=64)
    future_steps: int = parameter(5, 'evaluations of the last future', lower=1, upper=100)
    value_steps: int = parameter(5, 'evaluations of the last value', lower=1, upper=100)
    aggregation: str = parameter('majority_mean', 'of the values', allowed=AGGREGATIONS)
    future_images: str = parameter('last', 'which future is shown', allowed=('last', 'average'))
    depth: int = parameter(1, 'chunks to look ahead', lower=1, upper=8)
    depth_aggregation: str = parameter(
        'use_last_value', 'of the values along the depth', allowed=('use_last_value', 'average')
    )
    deadline_s: float = parameter(
        0.0, 'best answer so far after this long; 0: none', unit='s', lower=0.0, upper=600.0
    )
    batch: int = parameter(8, 'sequences in one network evaluation', lower=1, upper=64)
    devices: tuple[str, ...] = parameter((), 'further devices, one worker each; needs Ray')
    ray_address: str = parameter('', 'of a Ray cluster; empty: workers on this machine only')


@dataclass(frozen=True)
class SavingOptions:
    """What is not computed twice. Each is exact or says by how much it is not."""

    own_forward: bool = parameter(True, "not diffusers' forward pass; the next ones need it")
    encode_prefix: bool = parameter(True, 'encode only the conditioning frames; exact')
    encode_blanks_once: bool = parameter(True, 'keep the state after the blank frames; exact')
    frame_modulation: bool = parameter(True, 'AdaLN per frame instead of per token; exact')
    cached_modulation: bool = parameter(True, 'AdaLN of a noise level once; needs the one above')
    cached_context: bool = parameter(True, 'keys and values of the text once per task; exact')
    compile: str = parameter(
        'auto', 'torch.compile with CUDA graphs; auto: on a GPU', allowed=('auto', 'on', 'off')
    )
    fp8: bool = parameter(False, 'products in FP8: moves the actions; needs bfloat16')


@dataclass(frozen=True)
class CosmosOptions:
    """All of ``options``; each part is a section of its own in the file."""

    model: ModelOptions = field(default_factory=ModelOptions)
    image: ImageOptions = field(default_factory=ImageOptions)
    decoding: DecodingOptions = field(default_factory=DecodingOptions)
    planning: PlanningOptions = field(default_factory=PlanningOptions)
    savings: SavingOptions = field(default_factory=SavingOptions)
    warm_up: bool = True  # one inference with real shapes before the policy is there


def parse_options(options: Mapping[str, object], source: str) -> CosmosOptions:
    """What a file leaves out has its default.

    Raises WamError naming ``source``, the section and the key of what is wrong.
    """
    section = Section(options, source)

    def part(name: str) -> Section:
        return section.section(name) if name in section else Section({}, f'{source}: {name}')

    parsed = CosmosOptions(
        model=read(ModelOptions, part('model')),
        image=read(ImageOptions, part('image')),
        decoding=read(DecodingOptions, part('decoding')),
        planning=read(PlanningOptions, part('planning')),
        savings=read(SavingOptions, part('savings')),
        warm_up=section.flag('warm_up') if 'warm_up' in section else True,
    )
    section.close()
    return parsed
