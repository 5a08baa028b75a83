"""What a value function is trained on: the discounted return of an episode's last reward.

Formulas: nvlabs/cosmos-policy datasets/dataset_common.py, compute_monte_carlo_returns, and
aloha_dataset.py, which takes the return of the row one chunk later.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_data.manifest import Outcome

DISCOUNT: Final = 0.998
"""Per row at 25 Hz: ALOHA's in Cosmos Policy, whose episodes have up to 2000 rows."""
CHUNK: Final = 50


def returns(rows: int, reward: float, discount: float) -> NDArray[np.float32]:
    """(rows,) Monte-Carlo return: the reward of the last row, discounted, in -1..1.

    reward: 0..1. It scales the returns away again: any above 0 gives 1 at the end, 0 gives -1
    everywhere. Raises WamError for a discount outside 0..1.
    """
    if not 0.0 < discount <= 1.0:
        raise WamError(f'discount {discount:g}, allowed above 0 up to 1')
    if reward <= 0.0:
        return np.full(rows, -1.0, np.float32)
    ahead = np.arange(rows - 1, -1, -1, dtype=np.float64)
    return (2.0 * discount**ahead - 1.0).astype(np.float32)


def targets(values: NDArray[np.float32], chunk: int) -> NDArray[np.float32]:
    """(rows,) the return of the row that a chunk of so many rows leads to; the last one's at most.

    Raises WamError for a chunk below 1.
    """
    if chunk < 1:
        raise WamError(f'chunk of {chunk} rows, expected at least 1')
    rows = np.minimum(np.arange(len(values)) + chunk, len(values) - 1)
    return values[rows]


def reward(outcome: Outcome) -> float:
    """The last reward, 0..1: the score, of which a success without one (0) has all."""
    if outcome.success and outcome.score == 0.0:
        return 1.0
    return outcome.score / 100.0
