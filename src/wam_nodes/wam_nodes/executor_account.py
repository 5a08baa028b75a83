"""What the executor says of itself to people: events as they happen, a report once per second."""

from rclpy.node import Node
from wam_msgs.msg import EpisodeEvent

from wam_core.status import ExecutorStatus, State
from wam_nodes.conversions import time_message
from wam_nodes.diagnostics import Report
from wam_nodes.qos import EVERY


class ExecutorAccount:
    """Compares each status with the one before."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._events = node.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        self._state = State.IDLE
        self._source = ''
        self._generation = 0
        self._faults: frozenset[str] = frozenset()  # names of what they are about
        self._refused = 0  # chunks, as of the last report

    def tell(self, status: ExecutorStatus) -> None:
        """Publishes what has changed."""
        if status.state is not self._state:
            text = f'{self._state.name} -> {status.state.name}'
            if status.state is State.STOPPED:
                self._event('stop', f'{text}: {status.stop_reason}', status.stamp_ns)
                self._node.get_logger().warning(f'stopped: {status.stop_reason}')
            else:
                self._event('state', text, status.stamp_ns)
            self._state = status.state
        handed = status.generation == self._generation and status.source and self._source
        if handed and status.source != self._source:
            self._event('handover', f'{self._source} -> {status.source}', status.stamp_ns)
        self._source, self._generation = status.source, status.generation
        self._tell_faults(status)

    def report(self, status: ExecutorStatus, missed: int, scheduling: str) -> Report:
        """Once per second; refusals become an event here, so a flood of chunks makes no flood."""
        faults = [fault.text for fault in status.faults]
        if status.chunks_refused > self._refused:
            refusal = f'chunk refused: {status.last_refusal}'
            faults.append(refusal)
            self._event('fault', refusal, status.stamp_ns)
        self._refused = status.chunks_refused
        if status.state is State.STOPPED:
            faults.append(f'stopped: {status.stop_reason}')
        if status.state is State.HOLDING and status.last_request_refusal:
            faults.append(f'no chunk: {status.last_request_refusal}')
        values = {
            'state': status.state.name,
            'source': status.source,
            'underruns': status.underruns,
            'chunks merged': status.chunks_merged,
            'chunks refused': status.chunks_refused,
            'messages of inactive sources': status.inactive_messages,
            'latency [s]': f'{status.latency_s:.3f}',
            'rows skipped': status.rows_skipped,
            'splice [rad]': f'{status.splice_rad:.4f}',
            'requests sent': status.requests_sent,
            'requests as in sync, policy too slow': status.requests_as_sync,
            'requests refused': status.requests_refused,
            'requests timed out': status.requests_timed_out,
            'position clamps': sum(status.position_clamps),
            'velocity clamps': sum(status.velocity_clamps),
            'acceleration clamps': sum(status.acceleration_clamps),
            'jerk clamps': sum(status.jerk_clamps),
            'clock jumps': status.clock_jumps,
            'measurements ignored': status.measurements_ignored,
            'tick lateness max [ms]': f'{status.tick_lateness_max_ms:.2f}',
            'ticks missed': missed,
            'scheduling': scheduling,
        }
        return Report(tuple(faults), values=values)

    def _tell_faults(self, status: ExecutorStatus) -> None:
        # The value in a text changes with every tick; what stands before it does not.
        texts = {f'{fault.name} {fault.text.partition(":")[0]}': fault for fault in status.faults}
        for what in texts.keys() - self._faults:
            fault = texts[what]
            self._event('fault', f'{fault.text}: {fault.action}', status.stamp_ns)
            if fault.action != 'report':
                self._node.get_logger().warning(f'{fault.action}: {fault.text}')
        for what in self._faults - texts.keys():
            self._event('fault_over', what, status.stamp_ns)
        self._faults = frozenset(texts)

    def _event(self, kind: str, text: str, stamp_ns: int) -> None:
        event = EpisodeEvent(node='executor', kind=kind, text=text)
        event.header.stamp = time_message(stamp_ns)
        self._events.publish(event)
