"""One episode that is being recorded: a bounded queue, encoders, and a thread that writes.

``offer`` never waits. When encoding or the disk is too slow, the queue fills and messages are
dropped, counted, and reported at once. When the disk fails or is about to be full, recording ends
in order: what was flushed stays.
"""

import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from wam_data.encoders import Encoders, Item, Transform
from wam_data.syncer import Syncer
from wam_data.writer import EpisodeWriter

_POLL_S: Final = 0.05  # the writer wakes this often: in batches it costs less than per message
_SLOW_S: Final = 1.0  # a sync that takes longer breaks the promise that a power cut loses a second
_MB: Final = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """queue_bytes: that may wait. min_free_bytes: on the disk. flush_s: between syncs to disk."""

    queue_bytes: int = 96 * _MB
    min_free_bytes: int = 500 * _MB
    flush_s: float = 0.5
    encoders: int = 2


@dataclass(frozen=True)
class Status:
    """messages, bytes: written (bytes before compression). queue_bytes: waiting. behind_s: for how
    long the oldest of these has waited. sync_s: that the slowest sync to disk took. failure:
    why recording ended by itself; empty while it goes on."""

    messages: int
    bytes: int
    dropped: int
    queue_bytes: int
    behind_s: float
    sync_s: float
    failure: str


class Recording:
    """``report`` is told of trouble once per kind, from any thread."""

    def __init__(
        self, writer: EpisodeWriter, limits: Limits, report: Callable[[str], None]
    ) -> None:
        self.writer = writer
        self._limits = limits
        self._report = report
        self._queue: deque[Item] = deque()
        self._pending: deque[Item] = deque()  # of the writing thread: taken, not yet written
        self._lock = threading.Lock()  # of the two counts below
        self._waiting_bytes = 0
        self._dropped: Counter[str] = Counter()
        self._reported: set[str] = set()
        self._written = 0
        self._written_bytes = 0
        self._oldest_s: float | None = None  # offered, of what the writing thread has taken
        self._flushed_s = time.monotonic()
        self._failure = ''
        self._sealed = False
        self._closing = threading.Event()
        self._syncer = Syncer(writer.sync, self._synced)
        self._encoders = Encoders(limits.encoders, self._resized)
        self._thread = threading.Thread(target=self._run, name='write')
        self._thread.start()

    def offer(
        self, topic: str, data: bytes, log_ns: int, transform: Transform | None = None
    ) -> bool:
        """Queues one message; False when it was dropped. log_ns: ROS time of receipt.

        transform: applied to the data on an encoder thread, e.g. to make a JPEG of an image.
        Messages of one topic are written in the order in which they were offered.
        """
        item = Item(topic, data, log_ns, transform)
        with self._lock:
            failed = self._failure
            fits = self._waiting_bytes + item.size <= self._limits.queue_bytes
            if fits and not failed:
                self._waiting_bytes += item.size
            else:
                self._dropped[topic] += 1
        if failed:
            return False
        if not fits:
            self._say('queue', self._too_slow(topic))
            return False
        if transform is not None:
            self._encoders.put(item)
        self._queue.append(item)
        return True

    @property
    def status(self) -> Status:
        """Now."""
        with self._lock:
            dropped, waiting = self._dropped.total(), self._waiting_bytes
        return Status(
            self._written,
            self._written_bytes,
            dropped,
            waiting,
            self._behind_s(),
            self._syncer.slowest_s,
            self._failure,
        )

    @property
    def dropped(self) -> Mapping[str, int]:
        """Messages that were offered and not written, per topic."""
        with self._lock:
            return dict(self._dropped)

    @property
    def failure(self) -> str:
        """Why recording ended by itself; empty while it goes on."""
        return self._failure

    def close(self) -> bool:
        """Writes what is waiting and seals the file. False when ``recover`` has to mend it."""
        self._encoders.close()
        self._closing.set()
        self._thread.join()
        self._discard()
        if not self._sealed:
            self.writer.abandon()
        return self._sealed

    def _behind_s(self) -> float:
        oldest_s = self._oldest_s
        if oldest_s is None:
            try:
                oldest_s = self._queue[0].offered_s
            except IndexError:
                return 0.0
        return time.monotonic() - oldest_s

    def _run(self) -> None:
        """The writing thread."""
        try:
            while not self._failure and not self._closing.wait(_POLL_S):
                self._drain()
                self._flush_if_due()
            self._drain()
            self._syncer.close()
            self._raise_failed_sync()
            self.writer.finish()
            self._sealed = True
        except OSError as error:
            self._fail(f'the disk failed: {error.strerror} ({self.writer.directory})')
        finally:
            self._syncer.close()
            if not self._sealed and not self._failure:
                self._fail('the writing thread died of a fault in the recorder')
            self._discard()

    def _drain(self) -> None:
        """Writes what is ready, in the order of offer but for what still waits for an encoder."""
        while self._queue:
            self._pending.append(self._queue.popleft())
        self._oldest_s = self._pending[0].offered_s if self._pending else None
        blocked: set[str] = set()
        for _ in range(len(self._pending)):
            item = self._pending.popleft()
            if not item.done or item.topic in blocked:
                blocked.add(item.topic)
                self._pending.append(item)  # behind all others that wait: these keep their order
                continue
            try:
                self._write(item)
            finally:
                self._resized(-item.size)
            self._flush_if_due()
        self._oldest_s = self._pending[0].offered_s if self._pending else None

    def _write(self, item: Item) -> None:
        if item.fault:
            with self._lock:
                self._dropped[item.topic] += 1
            self._say(item.topic, f'{item.topic}: {item.fault}')
            return
        self.writer.write(item.topic, item.data, item.log_ns)
        self._written += 1
        self._written_bytes += len(item.data)

    def _flush_if_due(self) -> None:
        """Writes out what there is every so often, and looks whether there is space for more."""
        now_s = time.monotonic()
        if now_s - self._flushed_s < self._limits.flush_s:
            return
        self._flushed_s = now_s
        self.writer.flush()
        self._syncer.request()
        self._raise_failed_sync()
        free = shutil.disk_usage(self.writer.directory).free
        if free < self._limits.min_free_bytes and not self._failure:
            self._fail(
                f'the disk is nearly full: {free / _MB:.0f} MB free at {self.writer.directory}, '
                f'min_free_mb is {self._limits.min_free_bytes / _MB:.0f}'
            )

    def _raise_failed_sync(self) -> None:
        if self._syncer.error is not None:
            raise self._syncer.error

    def _synced(self, took_s: float) -> None:
        if took_s > _SLOW_S:
            self._say(
                'sync',
                f'the disk is slow: a sync took {took_s:.1f} s, and a power cut loses as much '
                f'({self.writer.directory})',
            )

    def _fail(self, text: str) -> None:
        with self._lock:
            self._failure = text
        self._say('failure', f'recording ended: {text}')

    def _discard(self) -> None:
        """Gives back what nobody will write. New messages are refused by now."""
        for items in (self._pending, self._queue):
            while items:
                item = items.popleft()
                with self._lock:
                    self._waiting_bytes -= item.size
                    self._dropped[item.topic] += 1

    def _resized(self, grown: int) -> None:
        with self._lock:
            self._waiting_bytes += grown

    def _too_slow(self, topic: str) -> str:
        return (
            f'messages are being dropped (first on {topic}): the disk or the encoders are too '
            f'slow, {self._limits.queue_bytes / _MB:g} MB are waiting. The episode will be '
            'marked incomplete. Lower jpeg_quality, raise queue_mb or use a faster disk'
        )

    def _say(self, kind: str, text: str) -> None:
        if kind not in self._reported:
            self._reported.add(kind)
            self._report(text)
