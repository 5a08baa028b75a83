"""The executor: the state machine that turns what a source wants into one command per tick."""

from typing import Final

from wam_core.aim import Aim
from wam_core.arbiter import Arbiter
from wam_core.chunk import Chunk, ChunkFields, Refusal, check
from wam_core.command_stream import CommandStream
from wam_core.errors import WamError
from wam_core.executor_config import ExecutorConfig, to_ns
from wam_core.homing import Homing
from wam_core.joints import Vector
from wam_core.limiter import Limited
from wam_core.measurement import Measurement
from wam_core.motion_limits import MotionLimits
from wam_core.rig import RigSpec
from wam_core.status import ExecutorStatus, State
from wam_core.tick import Applied, Tick
from wam_core.watchdog import BLIND, Fault, LoopState, Watchdogs, stop_reason

_ARRIVAL_NS: Final = 2_000_000_000  # the arms themselves come after their command, or never


class ExecutorCore:
    """Gives the arms to one source at a time. Never raises because of data: it counts and holds.

    IDLE sends nothing: the servos hold their last goal, and whoever moves the arms meanwhile is
    not fought by a command of before. From ``start`` on every tick has a command, as soon as
    the arms have been measured after it. What ends a run or interrupts it (``hold``, a stop, a
    watchdog, nothing to follow) brings the command to rest within the limits first. A stop is
    latched until ``reset``.

    speed_scale: 0..1, of the rig's limits of velocity, acceleration and jerk.
    """

    def __init__(self, config: ExecutorConfig, rig: RigSpec, speed_scale: float = 1.0) -> None:
        limits = MotionLimits.of(rig, speed_scale)
        self._config = config
        self._arbiter = Arbiter(config, limits, {'start': rig.start_pose, 'sleep': rig.sleep_pose})
        self._stream = CommandStream(
            limits, config.period_ns, config.resync_rad, rig.gripper_dead_band
        )
        self.watchdogs = Watchdogs(config.watchdogs)
        self._faults: tuple[Fault, ...] = ()
        self._held = self._resumes = False  # by a watchdog, and when it is over
        self._state = State.IDLE
        self._stop_reason = ''
        self._pose, self._arrival_ns = '', 0
        self._ticks = 0
        self._stamp_ns = 0  # of the last tick
        self._due_ns: int | None = None  # when it was due; None: none yet in this run
        self._measured = Measurement()

    def start(self, source: str, mode: str, task: str, now_ns: int) -> int:
        """Begins a run, in place of one that is active: its generation.

        mode: '' for the configured one. Raises WamError while stopped, while a watchdog asks for
        a stop, and for a source or mode that there is not.
        """
        mode = self._arbiter.check(source, mode)
        self._begin(now_ns)
        self._arbiter.start(source, mode, task, now_ns)
        return self._arbiter.generation

    def go_to_pose(self, pose: str, now_ns: int) -> tuple[int, float]:
        """Slews to a named pose, in place of an active run: its generation, and seconds to go.

        Raises WamError as ``start`` does, for an unknown pose, and before the first measurement.
        """
        self._arbiter.pose(pose)
        if self._measured.stamp_ns is None:
            raise WamError(f'pose {pose!r} refused: the arms have not been measured yet')
        self._begin(now_ns)
        homing = self._arbiter.home(pose, now_ns)
        return self._arbiter.generation, homing.duration_s(self._measured.position)

    def handover(self, source: str, now_ns: int) -> None:
        """Gives the active run to another source, with a splice; the run itself goes on.

        Raises WamError for a source that there is not, and without a run that can change hands.
        """
        self._arbiter.handover(source, now_ns)

    def hold(self) -> None:
        """Ends the run; the arms come to rest. A stop stays latched."""
        if self._state is not State.STOPPED:
            self._end(State.HOLDING)
            self._settle()

    def stop(self, reason: str) -> None:
        """Latches the stop: the arms come to rest and nothing moves them until ``reset``."""
        if self._state is not State.STOPPED:
            self._stop_reason = reason
            self._end(State.STOPPED)

    def reset(self, now_ns: int) -> None:
        """Lifts a latched stop; the executor is idle then. Does nothing without one.

        Raises WamError while a watchdog asks for a stop, and while the arms still come to rest.
        """
        if self._state is not State.STOPPED:
            return
        self._refuse_faults('reset', now_ns)
        if not self._stream.at_rest:
            raise WamError('reset refused: the arms are still coming to rest')
        self._stop_reason = ''
        self._state = State.IDLE
        self._stream.sending = False

    def measured(self, position: Vector, stamp_ns: int) -> bool:
        """Takes the arms' newest position, (14,); False: not 14 sound numbers, ignored."""
        if not self._measured.take(position, stamp_ns):
            return False
        if self._pose and self._away(self._arbiter.pose(self._pose)):
            self._pose = ''
        return True

    def offer(
        self, fields: ChunkFields, now_ns: int, checked: Chunk | Refusal | None = None
    ) -> Refusal | None:
        """Takes a policy's answer: it takes effect at the next tick. Counts a refusal itself.

        checked: what ``chunk.check`` makes of the fields, for a caller that can do this work where
        nobody waits for it.
        """
        if checked is None:
            checked = check(fields)
        return self._arbiter.offer(fields, checked, now_ns)

    def target(self, source: str, position: Vector, stamp_ns: int, now_ns: int) -> Refusal | None:
        """Takes a target, (14,), of teleop or replay. Counts a refusal itself."""
        return self._arbiter.target(source, position, stamp_ns, now_ns)

    def request_refused(self, request_id: int, now_ns: int, text: str) -> None:
        """The policy did not take a request, or is not there: asked again after ``retry_s``."""
        self._arbiter.request_refused(request_id, now_ns, text)

    def tick(self, now_ns: int, deadline_ns: int | None = None) -> Tick:
        """One period: what to send to the arms, to the recorder and to the policy, if anything.

        deadline_ns: when this tick was due; None: now. The plan is followed at that time, so that
        a late tick doesn't distort it.
        """
        due_ns = now_ns if deadline_ns is None else deadline_ns
        lateness_ms = (now_ns - due_ns) / 1e6
        self._ticks += 1
        self._arbiter.counts.late(lateness_ms)
        self._watch_clock(due_ns)
        self._stamp_ns, self._due_ns = now_ns, due_ns
        self._watch(now_ns, lateness_ms)
        if not self._sends():
            return Tick()
        aim = self._follow(due_ns)
        limited = self._stream.send(aim)
        applied = self._applied(aim, limited)
        self._arbiter.counts.clamped(limited)
        self._arrive(aim)
        self._settle()
        return Tick(limited.position, applied, self._arbiter.ask(due_ns))

    @property
    def status(self) -> ExecutorStatus:
        """The state as of the last tick, with what came in since."""
        arbiter = self._arbiter
        rows = 0 if arbiter.chunks is None else arbiter.chunks.rows_remaining(self._stamp_ns)
        return ExecutorStatus(
            stamp_ns=self._stamp_ns,
            state=self._state,
            mode=arbiter.mode,
            source=arbiter.name,
            task=arbiter.task,
            generation=arbiter.generation,
            stop_reason=self._stop_reason,
            pose=self._pose,
            faults=self._faults,
            at_rest=self._stream.at_rest,
            ticks=self._ticks,
            rows_remaining=rows,
            measurements_ignored=self._measured.ignored,
            **arbiter.counts.report(),
        )

    def _begin(self, now_ns: int) -> None:
        if self._state is State.STOPPED:
            raise WamError(
                f'start refused: the executor is stopped ({self._stop_reason}), '
                'reset it first (/executor/reset)'
            )
        self._refuse_faults('start', now_ns)
        self._end(State.HOLDING)
        self._pose = ''
        self._stamp_ns, self._due_ns = now_ns, None

    def _end(self, state: State) -> None:
        self._arbiter.end()
        self._state = state
        self._held = self._resumes = False
        self._arrival_ns = 0

    def _settle(self) -> None:
        """After the end of a run: idle, once the command stands still."""
        if not self._arbiter.active and self._state is State.HOLDING and self._stream.at_rest:
            self._state = State.IDLE
            self._stream.sending = False

    def _watch_clock(self, due_ns: int) -> None:
        if self._due_ns is None or not self._arbiter.active:
            return
        if not 0 <= due_ns - self._due_ns <= to_ns(self._config.clock_jump_s):
            self._arbiter.interrupt(due_ns, self._stream.motion)

    def _watch(self, now_ns: int, lateness_ms: float) -> None:
        self._faults = self.watchdogs.check(now_ns, self._loop_state(now_ns, lateness_ms))
        if not self._arbiter.active:
            return
        if reason := stop_reason(self._faults):
            self.stop(reason)
            return
        holding = [fault.name for fault in self._faults if fault.action == 'hold']
        self._resumes = self._resumes or (self._held and not holding)
        self._held = bool(holding)
        if BLIND in holding and self._stream.at_rest:
            # An arm that is not there may come back anywhere: it starts from where it is then.
            self._stream.sending = False
            self._arbiter.since_ns = now_ns

    def _loop_state(self, now_ns: int, lateness_ms: float) -> LoopState:
        chunks, counts = self._arbiter.chunks, self._arbiter.counts
        age_s = None if chunks is None else chunks.chunk_age_s(now_ns)
        error = self._measured.distance(self._stream.position) if self._stream.sending else None
        return LoopState(
            chunk_age_s=age_s,
            observation_age_s=None if age_s is None else counts.observation_age_s,
            tracking_error_rad=error,
            tick_lateness_ms=lateness_ms,
            seeing=chunks is not None,
        )

    def _refuse_faults(self, what: str, now_ns: int) -> None:
        if reason := stop_reason(self.watchdogs.check(now_ns, LoopState())):
            raise WamError(f'{what} refused, the cause of a stop persists: {reason}')

    def _sends(self) -> bool:
        """Whether there is a command at this tick: in a run, once the arms were measured in it."""
        if not self._stream.sending and self._arbiter.active:
            stamp_ns = self._measured.stamp_ns
            if stamp_ns is None or stamp_ns < self._arbiter.since_ns:
                return False
            self._stream.begin(self._measured.position)
        return self._stream.sending

    def _follow(self, due_ns: int) -> Aim | None:
        if not self._arbiter.active:
            return None
        if self._resumes and not self._held:
            self._arbiter.rejoin(due_ns, self._stream.motion)
            self._resumes = False
        aim = self._arbiter.follow(due_ns, self._stream.motion)
        if self._held:
            aim = None
        self._state = State.HOLDING if aim is None else State.RUNNING
        return aim

    def _applied(self, aim: Aim | None, limited: Limited) -> Applied:
        return Applied(
            stamp_ns=self._stamp_ns,
            source='hold' if aim is None else self._arbiter.name,
            request_id=0 if aim is None else aim.request_id,
            row=-1.0 if aim is None else aim.row,
            requested=limited.position if aim is None else aim.position,
            limited=limited.position,
            measured=self._measured.position,
            measured_stamp_ns=self._measured.stamp_ns or 0,
            position_clamped=limited.position_clamped,
            velocity_clamped=limited.velocity_clamped,
            acceleration_clamped=limited.acceleration_clamped,
            jerk_clamped=limited.jerk_clamped,
        )

    def _arrive(self, aim: Aim | None) -> None:
        """Ends a slew when the arms are there, or when they don't come."""
        homing: Homing | None = self._arbiter.homing
        if homing is None or aim is None or not self._stream.at_rest:
            return
        if not homing.reached(self._stream.position):
            return
        self._arrival_ns = self._arrival_ns or self._stamp_ns
        there = not self._away(homing.goal)
        if there or self._stamp_ns - self._arrival_ns > _ARRIVAL_NS:
            self._end(State.HOLDING)
            self._pose = homing.pose if there else ''

    def _away(self, pose: Vector) -> bool:
        return self._measured.distance(pose) > self._config.resync_rad
