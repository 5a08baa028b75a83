"""Statistics as LeRobot keeps them of each column, of each episode and of all of them.

min, max, mean, population standard deviation, count, and five quantiles; of pictures per colour
channel, scaled to 0..1, over as many frames and pixels as ``lerobot.datasets.compute_stats`` looks
at. Quantiles here are exact; LeRobot reads them off histograms.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

QUANTILES: Final = {'q01': 0.01, 'q10': 0.1, 'q50': 0.5, 'q90': 0.9, 'q99': 0.99}
KEYS: Final = ('min', 'max', 'mean', 'std', 'count', *QUANTILES)
_LEVELS: Final = 256
_FEW_FRAMES: Final = 100
_MANY_FRAMES: Final = 10_000
_POWER: Final = 0.75
_SMALL: Final = 300  # pixels; larger pictures are looked at in steps
_TARGET: Final = 150
Statistics = Mapping[str, Any]
"""Key of KEYS -> lists of numbers; of a picture's channel each in a list of a list."""


def of_numbers(values: Any) -> dict[str, Any]:
    """Of (T,) or (T, N) numbers."""
    rows = np.asarray(values, np.float64).reshape(len(values), -1)
    found = {
        'min': rows.min(axis=0),
        'max': rows.max(axis=0),
        'mean': rows.mean(axis=0),
        'std': rows.std(axis=0),
        **dict(zip(QUANTILES, np.quantile(rows, list(QUANTILES.values()), axis=0), strict=True)),
    }
    return {key: [len(rows)] if key == 'count' else found[key].tolist() for key in KEYS}


class PictureCounts:
    """Counts of the 256 levels of three channels, of some of T frames."""

    def __init__(self, frames: int) -> None:
        least = min(_FEW_FRAMES, frames)
        number = max(least, min(int(frames**_POWER), _MANY_FRAMES))
        self._chosen = set(np.round(np.linspace(0, frames - 1, number)).astype(int).tolist())
        self.frames = 0
        self.levels: NDArray[np.int64] = np.zeros((3, _LEVELS), np.int64)

    def look(self, number: int, pixels: NDArray[np.uint8]) -> None:
        """Frame ``number``: (height, width, 3), R, G, B."""
        if number not in self._chosen:
            return
        height, width, _ = pixels.shape
        step = 1
        if max(height, width) >= _SMALL:
            step = max(1, int(max(height, width) / _TARGET))
        few = pixels[::step, ::step]
        for channel in range(3):
            counts = np.bincount(few[..., channel].reshape(-1), minlength=_LEVELS)
            self.levels[channel] += counts
        self.frames += 1


def of_pictures(frames: int, levels: Any) -> dict[str, Any]:
    """Of counts, (3, 256), over so many frames."""
    values = np.arange(_LEVELS) / (_LEVELS - 1)
    found: dict[str, list[Any]] = {key: [] for key in KEYS}
    for counts in np.asarray(levels, np.int64):
        present = np.flatnonzero(counts)
        total = counts.sum()
        mean = float(counts @ values / total)
        one = {
            'min': values[present[0]],
            'max': values[present[-1]],
            'mean': mean,
            'std': float(np.sqrt(counts @ (values - mean) ** 2 / total)),
        }
        below = np.cumsum(counts)
        for key, share in QUANTILES.items():
            one[key] = values[int(np.searchsorted(below, share * total))]
        for key, value in one.items():
            found[key].append([[float(value)]])
    found['count'] = [frames]
    return found


def merged(parts: Sequence[Statistics], quantiles: Statistics) -> dict[str, Any]:
    """Of several episodes, of theirs; quantiles: of all their rows, which can't be had from parts.

    The variance by the parallel algorithm of Chan, Golub and LeVeque (1979).
    """
    count = np.array([part['count'][0] for part in parts], np.float64)
    stacked = {key: np.array([part[key] for part in parts]) for key in KEYS if key != 'count'}
    weight = count.reshape(-1, *[1] * (stacked['mean'].ndim - 1))
    total = count.sum()
    mean = (stacked['mean'] * weight).sum(axis=0) / total
    spread = stacked['std'] ** 2 + (stacked['mean'] - mean) ** 2
    found = {
        'min': stacked['min'].min(axis=0).tolist(),
        'max': stacked['max'].max(axis=0).tolist(),
        'mean': mean.tolist(),
        'std': np.sqrt((spread * weight).sum(axis=0) / total).tolist(),
        'count': [int(total)],
    }
    return found | {key: quantiles[key] for key in QUANTILES}
