"""Whether the states of an imported episode's grippers are in the scale they were taken for.

The scale isn't written in ALOHA's files. But a gripper that rests half open is where it was
commanded to be, and there the scales differ most; at its ends, or on an object, it tells nothing.
"""

from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wam_core.gripper_scale import SCALES, from_scale, to_scale
from wam_core.joints import DIM, GRIPPERS, Vector
from wam_core.policy import Matrix
from wam_data.importing.foreign import ForeignEpisode

_REST_S: Final = 0.5
_REST: Final = 0.02  # largest change of an opening meanwhile
_LOWER, _UPPER = 0.1, 0.9  # of a command
_MUCH: Final = 0.08  # the scales differ by 0.14 to 0.2 there


def doubt(episode: ForeignEpisode) -> str:
    """What is odd about an episode whose numbers are ours by now; empty: nothing that shows.

    Nothing is said of our own exports, which name their scale, and of recordings of the motors.
    """
    taken = episode.grippers[0]
    state, action = _at_rest(episode)
    if episode.recorded is not None or taken == 'angle' or not len(state):
        return ''
    recorded = to_scale(_rows(state), taken)
    off = {scale: _off(from_scale(recorded, scale), action) for scale in SCALES}
    if off[taken] < _MUCH:
        return ''
    text = f"resting grippers are {off[taken]:.2f} off their commands if states are '{taken}'"
    best = min(off, key=lambda scale: off[scale])
    if off[best] > min(_MUCH, off[taken] / 2):
        return f'{text}; no other --gripper-state fits'
    return f"{text}, {off[best]:.2f} if '{best}': see --gripper-state"


def _at_rest(episode: ForeignEpisode) -> tuple[Vector, Vector]:
    """(N,) measured and (N,) commanded openings, of both grippers where one rests partly open."""
    count = max(2, round(_REST_S * episode.rate_hz))
    if episode.length < count:
        return np.empty(0), np.empty(0)
    pairs = np.stack([episode.state, episode.action])[..., GRIPPERS]
    windows = sliding_window_view(pairs, count, axis=1)  # (2, T - count + 1, 2, count)
    rests = (np.ptp(windows, axis=3) < _REST).all(axis=0)
    state, action = windows[..., -1]
    partly = (action > _LOWER) & (action < _UPPER)
    return state[rests & partly], action[rests & partly]


def _rows(openings: Vector) -> Matrix:
    """(N, 14) that have them as the first gripper."""
    rows = np.zeros((len(openings), DIM))
    rows[:, GRIPPERS[0]] = openings
    return rows


def _off(rows: Matrix, action: Vector) -> float:
    return float(np.median(np.abs(rows[:, GRIPPERS[0]] - action)))
