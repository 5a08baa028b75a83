"""Candidates spread over further devices, of this machine or of a cluster, by Ray.

Every worker is a process with a model of its own, built from the same options. What a candidate
comes to depends on its seed only, so a plan is the same with and without workers.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.planning.deadline import Deadline
from wam_policy.cosmos.planning.passes import NotFiniteError
from wam_policy.cosmos.planning.planner import Planner
from wam_policy.cosmos.planning.prefix import FrozenRows
from wam_policy.cosmos.planning.ray_cluster import cause, connect, load_ray, reserved_gpus
from wam_policy.cosmos.planning.search import Found, Outcome

# Both from cosmos-policy, ``WorkerPoolManager``: to build a model, and for an answer.
START_TIMEOUT_S: Final = 600.0
ANSWER_TIMEOUT_S: Final = 15.0
# Left for an answer's way back, so that a worker that uses all its time is not late.
_TRANSFER_S: Final = 0.05

Factory = Callable[[str], Planner]


class Searching:
    """What runs in a worker's process. factory: builds its planner on a device."""

    def __init__(self, factory: Factory, device: str) -> None:
        self._planner = factory(device)
        self._device = device

    def ready(self) -> str:
        """The device; an answer means that the model is there."""
        return self._device

    def reset(self, text: Tensor) -> None:
        """A new task."""
        self._planner.reset(text)

    def warm_up(self, known: Tensor, candidates: int) -> None:
        """Compiles and measures."""
        self._planner.warm_up(known.to(self._device), candidates)

    def find(
        self, known: Tensor, seeds: list[int], seconds: float | None, prefix: FrozenRows | None
    ) -> Found:
        """What it finds, on the CPU. seconds: until the deadline; None: there is none.

        Nothing, where time is short: a worker that is late would miss the next request as well.
        """
        deadline = None if seconds is None else Deadline(time.monotonic, seconds)
        found = self._planner.find(
            known.to(self._device), seeds, deadline, prefix, at_least_one=False
        )
        return replace(found, outcomes=tuple(_on_cpu(each) for each in found.outcomes))


@dataclass
class _Worker:
    name: str
    actor: Any
    task: Any = None  # the reference of its latest reset
    answer: Any = None  # the reference of what it was asked
    late: Any = None  # of an earlier request that it may still be busy with
    seeds: int = 0  # how many candidates it was to search
    failure: str = ''  # why it is used no more


class Workers:
    """One worker per device; the planner's own process has a device besides.

    factory: called with the device in the worker's process, so it and all that it is made of
    must be importable there; builds a planner without workers. devices: cpu or cuda:N of this
    machine; of a cluster cpu or cuda, and Ray picks the GPU. address: of the cluster; empty: none.
    timeout_s: wait for an answer after this process's share is done, without a deadline.
    Raises WamError if Ray is missing or a worker can't build its model.
    """

    def __init__(
        self,
        factory: Factory,
        devices: Sequence[str],
        address: str = '',
        timeout_s: float = ANSWER_TIMEOUT_S,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        gpus = [reserved_gpus(device, address) for device in devices]
        self._ray = load_ray()
        self._timeout_s = timeout_s
        self._start_timeout_s = start_timeout_s
        self._own_ray = connect(self._ray, address, len(devices))
        remote = self._ray.remote(Searching)
        self._workers = [
            _Worker(
                f'worker {index} ({device})',
                remote.options(num_cpus=0, num_gpus=share).remote(factory, device),
            )
            for index, (device, share) in enumerate(zip(devices, gpus, strict=True), 1)
        ]
        self._all(lambda worker, _: worker.actor.ready.remote(), [1] * len(devices))

    def reset(self, text: Tensor) -> None:
        """A new task; each worker takes it up before its next answer."""
        for worker in self._workers:
            if not worker.failure:
                worker.task = worker.actor.reset.remote(text.cpu())

    def own_share(self, candidates: int) -> int:
        """How many of the candidates, from the first, are left to this process."""
        return self._shares(candidates)[0]

    def warm_up(self, known: Tensor, candidates: int) -> None:
        """Waits until all have compiled what they need. Raises WamError if one can't."""
        shares = self._shares(candidates)[1:]
        self._all(lambda worker, share: worker.actor.warm_up.remote(known.cpu(), share), shares)

    def submit(
        self,
        known: Tensor,
        seeds: Sequence[int],
        deadline: Deadline | None,
        prefix: FrozenRows | None,
    ) -> None:
        """Hands out the candidates beyond this process's share, to those that are free."""
        shares = self._shares(len(seeds))
        seconds = None if deadline is None else deadline.remaining() - _TRANSFER_S
        start = shares[0]
        for worker, share in zip(self._workers, shares[1:], strict=True):
            given = list(seeds[start : start + share])
            start += share
            worker.seeds = share
            # What came too late, or was never asked for because this process failed.
            worker.late, worker.answer = worker.answer or worker.late, None
            if given and not worker.failure and self._is_free(worker):
                worker.answer = worker.actor.find.remote(known.cpu(), given, seconds, prefix)

    def collect(self, deadline: Deadline | None) -> tuple[tuple[Found, ...], str]:
        """What arrived in time, and a note about workers that were late or have failed.

        Raises NotFiniteError if one of them met such numbers, as this process would have.
        """
        timeout = self._timeout_s if deadline is None else max(0.0, deadline.remaining())
        asked = [worker.answer for worker in self._workers if worker.answer is not None]
        if asked:
            self._ray.wait(asked, num_returns=len(asked), timeout=timeout)
        found, notes = [], []
        for worker in self._workers:
            if worker.seeds:
                answer = self._take(worker)
                if isinstance(answer, Found):
                    found.append(answer)
                else:
                    notes.append(
                        f'{worker.name} {answer}, without its {worker.seeds} of the candidates'
                    )
        return tuple(found), '; '.join(notes)

    def close(self) -> None:
        """Ends the workers, and Ray if it was started here."""
        for worker in self._workers:
            self._ray.kill(worker.actor)
        self._workers = []
        if self._own_ray:
            self._ray.shutdown()

    def _shares(self, candidates: int) -> list[int]:
        """Of this process and of each worker; those that have failed keep theirs.

        Other shares would be other batch sizes, which may have to be compiled first.
        """
        each, more = divmod(candidates, 1 + len(self._workers))
        return [each + (index < more) for index in range(1 + len(self._workers))]

    def _is_free(self, worker: _Worker) -> bool:
        if worker.late is not None and self._ray.wait([worker.late], timeout=0)[0]:
            worker.late = None
        return worker.late is None

    def _take(self, worker: _Worker) -> Found | str:
        """What a worker found, or why there is nothing."""
        if worker.failure:
            return worker.failure
        if worker.answer is None:
            return 'is busy with an earlier request'
        if not self._ray.wait([worker.answer], timeout=0)[0]:
            return 'is late'
        reference, worker.answer = worker.answer, None
        try:
            # A reset comes before the search that follows it; one that failed has left no task.
            _, answer = self._ray.get([worker.task, reference])
        except self._ray.exceptions.RayActorError as error:
            # Ray goes on with a page of common causes, and this is in every later note.
            worker.failure = f'has died ({cause(error).partition(". ")[0]})'
            return worker.failure
        except self._ray.exceptions.RayError as error:
            if isinstance(error, NotFiniteError):
                raise NotFiniteError(f'{worker.name}: {cause(error)}') from error
            return f'has failed ({cause(error)})'
        assert isinstance(answer, Found)
        return answer

    def _all(self, ask: Callable[[_Worker, int], Any], shares: Sequence[int]) -> None:
        """Asks every worker that has a share and waits for it. Raises WamError naming one."""
        asked = {
            worker.name: ask(worker, share)
            for worker, share in zip(self._workers, shares, strict=True)
            if share
        }
        for name, answer in asked.items():
            try:
                self._ray.get(answer, timeout=self._start_timeout_s)
            except self._ray.exceptions.RayError as error:
                self.close()
                raise WamError(
                    f"{name} can't start: {cause(error)}; see options.planning.devices"
                ) from error


def _on_cpu(outcome: Outcome) -> Outcome:
    futures = tuple(future.cpu() for future in outcome.futures)
    return replace(outcome, latents=outcome.latents.cpu(), futures=futures)
