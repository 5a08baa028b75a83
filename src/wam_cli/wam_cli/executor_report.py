"""What the executor says of itself, for people and for programs, and what it means for a slew."""

from collections.abc import Sequence
from typing import Any, Final

from wam_core.joints import JOINT_NAMES
from wam_core.status import State

_MEANINGS: Final = {
    State.IDLE: 'no run, the motors hold their last goal',
    State.RUNNING: 'follows its source',
    State.HOLDING: 'comes to rest or holds',
    State.STOPPED: 'stop is latched, nothing moves until reset',
}
_CLAMPS: Final = ('position', 'velocity', 'acceleration', 'jerk')


def state_name(state: Any) -> str:
    """Of an ExecutorState message."""
    known = {item.value: item.name for item in State}
    return known.get(state.state, f'unknown ({state.state})')


def line(state: Any) -> str:
    """An ExecutorState message in one line for people."""
    parts = [state_name(state)]
    if state.stop_reason:
        parts.append(state.stop_reason)
    if state.source:
        parts.append(f'{state.source} {state.mode}'.rstrip())
    if state.pose:
        parts.append(f'at the {state.pose} pose')
    if state.source == 'policy':
        parts.append(f'chunks {state.chunks_merged}, refused {state.chunks_refused}')
        parts.append(f'underruns {state.underruns}, latency {state.latency_s:.2f} s')
    parts.append(f'faults: {"; ".join(state.faults) or "none"}')
    return ' | '.join(parts)


def gist(state: Any) -> tuple[object, ...]:
    """What changes in an ExecutorState message when something happens, and not at every tick."""
    faults = sorted(fault.partition(':')[0] for fault in state.faults)
    return (state.state, state.source, state.pose, state.stop_reason, *faults)


def report(state: Any) -> list[tuple[str, str]]:
    """An ExecutorState message as lines for people: name, text."""
    meaning = {item.name: text for item, text in _MEANINGS.items()}.get(state_name(state), '')
    refusals = _counts(state.refusal_reasons, state.refusal_counts)
    clamps = [
        f'{kind} {_counts(JOINT_NAMES, getattr(state, f"{kind}_clamps")) or "none"}'
        for kind in _CLAMPS
    ]
    return [
        ('state', f'{state_name(state)}: {meaning}{"" if state.at_rest else "; moving"}'),
        ('source', state.source or 'none'),
        ('mode', state.mode or '-'),
        ('task', state.task or '-'),
        ('run', str(state.generation)),
        ('faults', '; '.join(state.faults) or 'none'),
        ('stop reason', state.stop_reason or '-'),
        ('pose', state.pose or 'none of the named ones'),
        ('chunks', f'{state.chunks_merged} merged, {state.rows_remaining} rows are still due'),
        ('refused', refusals or 'none'),
        ('underruns', str(state.underruns)),
        ('latency', f'{state.latency_s:.3f} s, {state.rows_skipped} rows skipped'),
        ('splice', f'{state.splice_rad:.4f} rad'),
        ('clamped ticks', '; '.join(clamps)),
        ('lateness', f'{state.tick_lateness_ms:.2f} ms, largest {state.tick_lateness_max_ms:.2f}'),
        ('ticks', f'{state.ticks}, missed {state.ticks_missed}'),
        ('scheduling', state.scheduling or '-'),
    ]


def as_json(state: Any) -> dict[str, Any]:
    """Every field of an ExecutorState message; the state by its name, the stamp in s."""
    found = {}
    for name in state.get_fields_and_field_types():
        value = getattr(state, name)
        if name == 'header':
            found['stamp_s'] = value.stamp.sec + value.stamp.nanosec / 1e9
        elif name == 'state':
            found['state'] = state_name(state)
        elif isinstance(value, (bool, int, float, str)):
            found[name] = value
        else:
            found[name] = [item if isinstance(item, str) else int(item) for item in value]
    return found


def arrived(state: Any, pose: str, generation: int) -> bool:
    """Whether slew ``generation`` has ended at the pose."""
    at_pose = state.state == State.IDLE and state.pose == pose
    return bool(at_pose and state.generation == generation)


def interruption(state: Any, pose: str, generation: int) -> str:
    """Why slew ``generation`` won't end at the pose; empty: it may."""
    if state.state == State.STOPPED:
        return f'stopped on the way to the {pose} pose: {state.stop_reason}'
    if state.generation > generation:
        source = f' ({state.source})' if state.source else ''
        return f'another run{source} took the arms on the way to the {pose} pose'
    if state.generation == generation and state.state == State.IDLE and state.pose != pose:
        faults = f': {"; ".join(state.faults)}' if state.faults else ''
        return f'the executor ended the slew on the way to the {pose} pose{faults}'
    return ''


def _counts(names: Sequence[str], counts: Any) -> str:
    """``left_waist 3, ...`` of those that are not zero."""
    pairs = zip(names, counts, strict=False)
    return ', '.join(f'{name} {count}' for name, count in pairs if count)
