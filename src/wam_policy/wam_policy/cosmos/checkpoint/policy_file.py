"""The policy file of an imported checkpoint, with the released checkpoints' own numbers."""

from collections.abc import Sequence
from typing import Final

POLICY: Final = 'policy.yaml'
# Of the ALOHA checkpoints, in the order of their latent frames (source: cosmos-policy, deploy.py).
CAMERAS: Final = ('cam_left_wrist', 'cam_right_wrist', 'cam_high')
HORIZON: Final = 50

_TEXT: Final = """\
# Cosmos Policy, imported from {source}. Every option: docs/cosmos_policy.md
policy: cosmos                  # entry point in the group wam.policies
cameras: [{cameras}]            # in the order of the checkpoint
image: {{height: 256, width: 256, resampling: pil_bicubic}}
horizon: {horizon}                     # rows
dt_s: 0.04                      # s between rows: trained at 25 Hz
options:
  model:
    preset: {preset}
    directory: .                # of the imported files, relative to this file
    device: auto                # auto: the first GPU, else the CPU
    dtype: bfloat16             # as trained
  image: {{size: 224, crop_area: 0.9, jpeg_quality: 0, flip: false}}
  decoding:
    mode: {mode}        # action, future and value in one run; or autoregressive: one run each
    action_steps: 10            # network evaluations
    seed: 195
"""
_PLANNING: Final = """\
  planning:
    candidates: 8               # action chunks to choose from; 1: no planning
    directory: {planning}
    futures: 3
    values: 5
    future_steps: 5
    value_steps: 5
    aggregation: majority_mean
"""


def policy_text(
    preset: str, cameras: Sequence[str], horizon: int, source: str, planning: str = ''
) -> str:
    """The file's text. planning: folder of a planning checkpoint, empty: none."""
    mode = 'autoregressive' if planning else 'parallel'
    text = _TEXT.format(
        preset=preset, cameras=', '.join(cameras), horizon=horizon, source=source, mode=mode
    )
    return text + (_PLANNING.format(planning=planning) if planning else '')
