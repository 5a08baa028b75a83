"""One value out of an ensemble of predicted ones, and the choice among candidates.

Formulas, thresholds and corner cases are those of cosmos-policy,
``aggregate_value_predictions`` and ``average_future_image_predictions``.
"""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_core.policy import Image
from wam_policy.cosmos.options import AGGREGATIONS, PlanningOptions

SUCCESS: Final = 0.05  # a value above it predicts success
LCB_DEVIATIONS: Final = 1.0  # standard deviations below the mean


def aggregate(values: Tensor, scheme: str) -> Tensor:
    """(members, ...) values 0..1 to (...), in 0..1 again.

    scheme: average; lcb (mean less one standard deviation with ddof 1); success_vote (share of
    members above 0.05); majority_mean (mean of the members above 0.05 if those are at least
    half, else 0). Raises WamError for no members, an unknown scheme, lcb of one member.
    """
    members = values.shape[0]
    if members < fewest_members(scheme):
        raise WamError(
            f'{scheme} of {members} values, expected at least {fewest_members(scheme)}; '
            'see options.planning: futures, values, aggregation'
        )
    values = values.float()
    success = values > SUCCESS
    if scheme == 'average':
        value = values.mean(0)
    elif scheme == 'lcb':
        value = values.mean(0) - LCB_DEVIATIONS * values.std(0)
    elif scheme == 'success_vote':
        value = success.float().mean(0)
    else:
        successes = success.float().sum(0)
        mean = torch.where(success, values, torch.zeros_like(values)).sum(0) / successes.clamp(1)
        value = torch.where(successes / members >= 0.5, mean, torch.zeros_like(mean))
    return value.clamp(0.0, 1.0)


def fewest_members(scheme: str) -> int:
    """How many values a scheme needs. Raises WamError for an unknown one."""
    if scheme not in AGGREGATIONS:
        raise WamError(f'aggregation {scheme!r}, allowed {list(AGGREGATIONS)}')
    # The standard deviation of one value is not a number.
    return 2 if scheme == 'lcb' else 1


def check_members(options: PlanningOptions, members: int) -> None:
    """Raises WamError if the aggregation needs more values than each candidate gets."""
    fewest = fewest_members(options.aggregation)
    if members < fewest:
        raise WamError(
            f'options.planning.aggregation {options.aggregation!r} needs at least {fewest} values '
            f'per candidate and gets {members}; raise options.planning.values or futures'
        )


def along_depth(values: Sequence[float], scheme: str) -> float:
    """A candidate's value out of those of its chunks, nearest first.

    scheme: use_last_value or average. Raises WamError for no values or an unknown scheme.
    """
    if not values:
        raise WamError(f'{scheme} of no values along the depth, expected at least one')
    if scheme == 'use_last_value':
        return values[-1]
    if scheme == 'average':
        return float(np.mean(values))
    raise WamError(
        f'depth aggregation {scheme!r}, allowed ["use_last_value", "average"]; '
        'see options.planning.depth_aggregation'
    )


def average_images(images: Sequence[Image]) -> Image:
    """The mean of uint8 images of one shape, rounded half to even.

    Raises WamError for no images.
    """
    if not images:
        raise WamError('the average of no images, expected at least one')
    mean = np.stack([image.astype(np.float32) for image in images]).mean(axis=0)
    average: Image = np.clip(np.round(mean), 0, 255).astype(np.uint8)
    return average


def select(values: Sequence[float]) -> int:
    """Index of the largest value; the first (the base seed's) wins ties.

    Raises WamError for no values or one that is not finite.
    """
    if not values:
        raise WamError('a choice among no values, expected at least one')
    for index, value in enumerate(values):
        if not math.isfinite(value):
            raise WamError(
                f'value {value} of candidate {index}, expected 0..1: the network overflowed; '
                'see options.model: directory, dtype'
            )
    return max(range(len(values)), key=lambda index: values[index])
