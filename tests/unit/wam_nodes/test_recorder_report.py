from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from wam_data.recording import Status
from wam_data.statistics import Counters
from wam_nodes.recorder_report import EpisodeReport

CAMERA, JOINTS, SILENT = '/cam_high/compressed', '/follower_left/joint_states', '/joint_target'
MB = 1024 * 1024


class Recording:
    """What a report asks of an episode."""

    def __init__(self) -> None:
        self.dropped: dict[str, int] = {}
        self.behind_s = 0.0
        self.failure = ''
        self.counters = Counters()
        for topic, period_ns in ((CAMERA, 100), (JOINTS, 10), (SILENT, 0)):
            self.counters.add(topic, 'x/msg/Y', period_ns)
        manifest = SimpleNamespace(started_ns=0)
        self.writer = SimpleNamespace(counters=self.counters, manifest=manifest)

    @property
    def status(self) -> Status:
        messages = sum(topic.messages for topic in self.counters.topics.values())
        dropped = sum(self.dropped.values())
        return Status(messages, 7, dropped, 3 * MB, self.behind_s, 0.25, self.failure)

    def see(self, topic: str, *stamps_ns: int) -> None:
        for stamp_ns in stamps_ns:
            self.counters.observe(topic, b'', stamp_ns, stamp_ns)


Made = tuple[Recording, Callable[[], Any]]


@pytest.fixture
def made() -> Made:
    recording = Recording()
    episode: Any = SimpleNamespace(recording=recording, directory=Path('/e/x.partial'))
    return recording, EpisodeReport(episode).collect


def test_all_is_well(made: Made) -> None:
    recording, collect = made
    recording.see(CAMERA, 100, 200, 300)
    recording.see(JOINTS, *range(100, 301, 10))
    report = collect()
    assert (report.faults, report.errors) == ((), ())
    assert (report.values['rate_hz'], report.values['worst']) == (24, '')
    assert report.values[f'{CAMERA}/messages'] == 3
    assert (report.values['queue_mb'], report.values['sync_s']) == (3.0, 0.25)
    assert f'{SILENT}/messages' not in report.values
    recording.see(CAMERA, 400)
    assert collect().values['rate_hz'] == 1  # since the last report


def test_what_is_missing_is_said_once_and_stays_counted(made: Made) -> None:
    recording, collect = made
    recording.see(CAMERA, 100, 600)
    recording.see(JOINTS, 100, 120)
    report = collect()
    assert [text.split(':')[0] for text in report.faults] == [CAMERA, JOINTS]
    assert '4 messages missing, by their stamps' in report.faults[0]
    assert (report.values['missing'], report.values['worst']) == (5, CAMERA)
    again = collect()
    assert again.faults == ()
    assert (again.values['missing'], again.values['worst']) == (5, CAMERA)


def test_drops_and_a_full_disk_stay_faults(made: Made) -> None:
    recording, collect = made
    recording.dropped[JOINTS] = 4
    recording.failure = 'the disk failed'
    for _ in range(2):
        report = collect()
        assert (report.faults, report.errors) == (('4 messages dropped',), ('the disk failed',))
        assert report.values[f'{JOINTS}/dropped'] == 4


def test_a_recorder_that_is_behind_says_so(made: Made) -> None:
    recording, collect = made
    recording.behind_s = 0.9
    assert collect().faults == ()
    recording.behind_s = 1.26
    (fault,) = collect().faults
    assert fault.startswith('1.3 s behind: the disk or the encoders are too slow, 3 MB')


def test_what_never_came_at_the_start_is_missing(made: Made) -> None:
    recording, collect = made
    second = 1_000_000_000
    recording.writer.manifest.started_ns = second
    recording.counters.add('/late', 'x/msg/Y', 33_000_000)
    recording.see('/late', second + 330_000_000)
    report = collect()
    assert report.values['/late/missing'] == 10
    assert report.faults == ('/late: 10 messages missing, by their stamps',)
