"""Ray, which runs workers on further devices: found, started or joined, and kept in its place."""

import ctypes
import importlib
import logging
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from wam_core.errors import WamError

RAY: Final = 'ray==2.60.0'
# A request is a megabyte or two, an answer a few for each candidate.
_STORE_BYTES: Final = 256 * 2**20
_SIGACTION_BYTES: Final = 1024  # more than struct sigaction has anywhere
_WHERE: Final = 'see options.planning: devices, ray_address'


def load_ray() -> ModuleType:
    """Raises WamError saying how to install it."""
    try:
        return importlib.import_module('ray')
    except ImportError as error:
        raise WamError(
            'options.planning.devices needs Ray, which is not installed: '
            f'`pip install {RAY}`, or leave devices empty'
        ) from error


def connect(ray: ModuleType, address: str, workers: int) -> bool:
    """Joins the cluster, or starts Ray on this machine. Returns whether it did the latter."""
    if ray.is_initialized():
        return False
    os.environ.setdefault('RAY_USAGE_STATS_ENABLED', '0')
    place: dict[str, object] = {'address': address}
    if not address:
        place = {
            'address': 'local',
            'num_cpus': workers,
            'num_gpus': 0,
            'include_dashboard': False,
            'object_store_memory': _STORE_BYTES,
        }
    try:
        with _own_sigterm():
            ray.init(**place, log_to_driver=False, logging_level=logging.ERROR)
    except (OSError, ValueError, RuntimeError) as error:
        raise WamError(
            f'no Ray cluster at {address or "this machine"!r}: {error}; '
            'see options.planning.ray_address'
        ) from error
    return not address


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keeps this process's way to end.

    Ray puts a handler of its own in C under Python's, which aborts the process after the first
    SIGTERM, and in the main thread replaces Python's, too.
    """
    libc = ctypes.CDLL(None)
    saved = ctypes.create_string_buffer(_SIGACTION_BYTES)
    previous = signal.getsignal(signal.SIGTERM)
    libc.sigaction(signal.SIGTERM, None, saved)
    try:
        yield
    finally:
        if previous is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, previous)
        libc.sigaction(signal.SIGTERM, saved, None)


def reserved_gpus(device: str, address: str) -> int:
    """GPUs that Ray is to reserve for a worker on a device. Raises WamError."""
    if device == 'cpu':
        return 0
    if address:
        if device == 'cuda':
            return 1
        raise WamError(f'device {device!r} in a Ray cluster, allowed: cpu, cuda; {_WHERE}')
    if re.fullmatch(r'cuda:\d+', device):
        return 0
    raise WamError(
        f'device {device!r} on this machine, allowed: cpu, cuda:0, cuda:1, ...; {_WHERE}'
    )


def cause(error: Exception) -> str:
    """The last line of what Ray says: the error itself, below the worker's traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
