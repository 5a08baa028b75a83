"""Which attention kernel PyTorch takes."""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

# cuDNN's kernel is written for Hopper and later; PyTorch's first choice there is FlashAttention-2,
# which is not. Each falls back to the next for what it can't do, such as float32.
FROM_HOPPER: Final = (
    SDPBackend.CUDNN_ATTENTION,
    SDPBackend.FLASH_ATTENTION,
    SDPBackend.EFFICIENT_ATTENTION,
    SDPBackend.MATH,
)


def preferred(device: torch.device) -> AbstractContextManager[None]:
    """Inside it, ``scaled_dot_product_attention`` takes what is fastest on the device."""
    if device.type == 'cuda' and torch.cuda.get_device_capability(device) >= (9, 0):
        return sdpa_kernel(list(FROM_HOPPER), set_priority=True)
    return nullcontext()
