"""What the requests to the recorder say, checked."""

import json
from typing import Any

from wam_core.errors import WamError
from wam_data.identity import Identity
from wam_data.manifest import Outcome


def identity(request: Any, rig: str, config_hash: str, stack_version: str) -> Identity:
    """Of a StartEpisode request, and of the recorder itself. Raises WamError."""
    return Identity(
        task=request.task,
        task_name=request.task_name,
        kind=request.kind or 'rollout',
        operator=request.operator_name,
        policy=request.policy,
        policy_specification=_object('policy_specification', request.policy_specification),
        policy_options=_object('policy_options', request.policy_options),
        rig=rig,
        mode=request.mode,
        seed=max(-1, request.seed),
        config_hash=config_hash,
        stack_version=stack_version,
    )


def outcome(request: Any) -> Outcome:
    """Of a StopEpisode or LabelEpisode request. Raises WamError."""
    stages = tuple(request.stages)
    return Outcome(request.outcome, request.score, stages, request.note, request.by)


def _object(name: str, text: str) -> dict[str, object]:
    try:
        value = json.loads(text or '{}')
        json.dumps(value, allow_nan=False)  # Python reads NaN, which isn't JSON
    except (ValueError, RecursionError) as error:  # the latter: nested thousands deep
        raise WamError(f'{name} is not JSON: {error}') from error
    if not isinstance(value, dict):
        raise WamError(f'{name} {value!r}, expected a JSON object')
    return value
