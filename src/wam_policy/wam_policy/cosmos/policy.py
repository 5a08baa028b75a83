"""Cosmos Policy behind the interface of every policy."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_core.gripper_scale import from_scale, to_scale
from wam_core.joints import DIM, Vector
from wam_core.policy import Candidate, Image
from wam_core.prefix import resample
from wam_policy.cosmos.checkpoint.directory import resolve
from wam_policy.cosmos.images.codec import Encoding
from wam_policy.cosmos.images.image_pipeline import prepare
from wam_policy.cosmos.model import load_model
from wam_policy.cosmos.options import parse_options
from wam_policy.cosmos.planning.aggregation import average_images
from wam_policy.cosmos.planning.deadline import Deadline
from wam_policy.cosmos.planning.planner import WHERE, Plan, PlanCandidate
from wam_policy.cosmos.planning.prefix import FrozenRows, frozen_rows
from wam_policy.cosmos.planning.sampler import SEEDS, evaluations
from wam_policy.cosmos.sequence.injection import (
    extract_action,
    extract_proprioception,
    inject_state,
)
from wam_policy.cosmos.sequence.layout import make_layout
from wam_policy.cosmos.sequence.text import FEATURES, TOKENS
from wam_policy.cosmos.stages import Stages
from wam_policy.policy import (
    InferenceRequest,
    Observation,
    PolicyConfig,
    PolicySpec,
    Prediction,
)

_LOG: Final = logging.getLogger(__name__)
_LARGEST: Final = 1e4  # of a state: far from any robot's, and its scaled squares are finite


class CosmosPolicy:
    """One chunk of actions, the state it should lead to, and what that is worth.

    Loads and warms up in its constructor: when it is there, it is ready. Raises WamError for
    options, files, devices and memory that don't suit.
    """

    def __init__(self, config: PolicyConfig, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: of the deadline of planning, seconds."""
        spec = config.spec
        where = config.source or f'policy {spec.name!r}'
        self._options = resolve(
            parse_options(config.options, f'{where}: options'), config.directory
        )
        scale = self._options.model.gripper_state
        if scale != 'angle' and spec.state_dim != DIM:
            raise WamError(
                f'{where}: gripper_state = {scale!r} is for states of {DIM} numbers, these have '
                f'{spec.state_dim}; allowed: angle'
            )
        self._layout = make_layout(
            spec.cameras,
            self._options.model.proprioception,
            spec.horizon,
            spec.action_dim,
            spec.state_dim,
            self._options.image.size,
        )
        self._clock = clock
        self._model = load_model(self._options, self._layout, clock)
        self._spec = replace(spec, normaliser=self._model.statistics.hash)
        self._task: str | None = None
        self._requests = 0
        self.evaluations = 0  # of the network in the latest request, counting every sequence
        if self._options.warm_up:
            self._warm_up()

    @property
    def spec(self) -> PolicySpec:
        """As configured, with the hash of the checkpoint's statistics."""
        return self._spec

    def reset(self, task: str) -> None:
        """Takes the instruction's embedding into the network.

        Raises WamError for an instruction without an embedding, listing those that have one.
        """
        self._task = None
        self._model.planner.reset(self._model.embeddings.embedding(task))
        self._task = task
        self._requests = 0

    def infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        """The chunk of the best candidate.

        Raises WamError for an observation of other sizes, numbers that aren't finite, and a
        device that runs out of memory; the policy can be asked again after each of them.
        """
        if self._task is None:
            raise WamError(f'policy {self._spec.name!r} was asked before it was given a task')
        try:
            with torch.inference_mode():
                return self._infer(observation, request)
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            raise WamError(
                f'{self._model.device} ran out of memory: {error} (options planning `batch`, '
                '`candidates`, or another process on the GPU)'
            ) from error

    def _infer(self, observation: Observation, request: InferenceRequest) -> Prediction:
        deadline = self._deadline()
        state = self._checked(observation)
        stages = Stages(self._model.device)
        with stages.stage('images'):
            images = prepare(observation.images, self._options.image)
        with stages.stage('encode'):
            encoding = self._model.codec.encode(images)
            recorded = to_scale(state, self._options.model.gripper_state)
            normal = self._model.statistics.normalise_state(recorded)
            known = inject_state(encoding.latents, self._layout, torch.from_numpy(normal))
        prefix = self._prefix(observation, request)
        plan = self._model.planner.plan(known, self._seed(), deadline, prefix)
        self._requests += 1
        self.evaluations = plan.evaluations
        stages.ms.update(plan.stage_ms)
        with stages.stage('extract'):
            candidates = self._candidates(plan)
        chosen = candidates[plan.chosen]
        return Prediction(
            actions=chosen.actions,
            future_proprioception=chosen.future_proprioception,
            value=chosen.value,
            candidates=tuple(candidates) if len(candidates) > 1 else (),
            chosen=plan.chosen,
            note=plan.note,
            decode_images=lambda: self._decode(plan.candidates, encoding),
            prefix_rows=0 if prefix is None else len(prefix.rows),
            stage_ms=stages.ms,
        )

    def _checked(self, observation: Observation) -> Vector:
        spec = self._spec
        shape = (len(spec.cameras), spec.image_height, spec.image_width, 3)
        if observation.images.shape != shape:
            raise WamError(
                f'images of shape {observation.images.shape}, policy {spec.name!r} expects {shape}'
            )
        state = observation.position
        if state.shape != (spec.state_dim,) or not np.isfinite(state).all():
            raise WamError(
                f'state {state.tolist()}, policy {spec.name!r} expects {spec.state_dim} '
                'finite numbers'
            )
        worst = int(np.abs(state).argmax())
        if abs(state[worst]) > _LARGEST:
            raise WamError(
                f'state: number {worst} is {state[worst]:g}, allowed: -{_LARGEST:g} to '
                f'{_LARGEST:g}, beyond which the network overflows'
            )
        return state

    def _prefix(self, observation: Observation, request: InferenceRequest) -> FrozenRows | None:
        decoding = self._options.decoding
        # What is replaced in a single estimate enters no other one.
        idle = decoding.prefix == 'replace' and evaluations(decoding.action_steps) == 1
        if decoding.prefix == 'off' or idle:
            return None
        rows = resample(
            request.prefix,
            request.prefix_start_ns,
            self._spec.dt_ns,
            observation.stamp_ns,
            self._spec.horizon,
        )
        if not len(rows):
            return None
        normal = self._model.statistics.normalise_action(rows)
        return frozen_rows(torch.from_numpy(normal), self._layout, decoding.prefix == 'guide')

    def _seed(self) -> int:
        decoding = self._options.decoding
        later = self._requests if decoding.seed_per_request == 'next' else 0
        return (decoding.seed + later) % SEEDS

    def _deadline(self) -> Deadline | None:
        seconds = self._options.planning.deadline_s
        return Deadline(self._clock, seconds) if seconds > 0 else None

    def _candidates(self, plan: Plan) -> list[Candidate]:
        latents = torch.stack([candidate.latents for candidate in plan.candidates])
        normal = extract_action(latents, self._layout).cpu().numpy()
        actions = self._model.statistics.unnormalise_action(normal)
        if not np.isfinite(actions).all():
            raise WamError(
                f'policy {self._spec.name!r}: the network gave numbers that are not finite'
            )
        return [
            Candidate(rows, candidate.value, self._future_state(candidate))
            for rows, candidate in zip(actions, plan.candidates, strict=True)
        ]

    def _future_state(self, candidate: PlanCandidate) -> Vector | None:
        if self._layout.future_proprioception is None:
            return None
        futures = torch.stack(_futures(candidate))
        normal = extract_proprioception(futures, self._layout).mean(dim=0).cpu().numpy()
        recorded = self._model.statistics.unnormalise_state(normal)
        return from_scale(recorded, self._options.model.gripper_state)

    def _decode(self, candidates: Sequence[PlanCandidate], encoding: Encoding) -> Image:
        """(C, N, S, S, 3): what each candidate should lead to."""
        with torch.inference_mode():
            futures = [_futures(candidate) for candidate in candidates]
            latents = torch.stack([future for each in futures for future in each])
            images = self._model.codec.decode_images(latents, encoding)
        shown, start = [], 0
        for each in futures:
            shown.append(average_images(list(images[start : start + len(each)])))
            start += len(each)
        return np.stack(shown)

    def _warm_up(self) -> None:
        """The work of a request, several times, on black images: compiles, captures, allocates."""
        codec, planner = self._model.codec, self._model.planner
        codec.warm_up()
        size = self._options.image.size
        stages = Stages(self._model.device, self._clock)
        with stages.stage('encode'):
            encoding = codec.encode(np.zeros((len(self._layout.cameras), size, size, 3), np.uint8))
        state = torch.zeros(self._layout.state_dim)
        planner.reset(torch.zeros((TOKENS, FEATURES)))
        planner.warm_up(inject_state(encoding.latents, self._layout, state))
        least_s, deadline = stages.ms['encode'] / 1e3 + planner.least_s(), self._deadline()
        if deadline is not None and deadline.seconds < least_s:
            _LOG.warning(
                'policy %s: encoding and one candidate take %.2f s here, the deadline is %g s: '
                'every answer will be late (%s)',
                self._spec.name, least_s, deadline.seconds, WHERE,
            )  # fmt: skip


def _futures(candidate: PlanCandidate) -> tuple[Tensor, ...]:
    """Sequences with the candidate's future: the world model's, else the policy's own."""
    return candidate.futures or (candidate.latents,)
