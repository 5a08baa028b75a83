"""When a recording counts as lost."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from wam_nodes.recording_watch import RecordingWatch


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def word(episode: str, level: bytes = DiagnosticStatus.OK, name: str = 'recorder') -> object:
    values = [KeyValue(key='episode', value=episode)]
    status = DiagnosticStatus(name=name, level=level, message='the disk failed', values=values)
    return DiagnosticArray(status=[status])


def test_only_words_about_this_episode_keep_it_alive() -> None:
    clock = Clock()
    watch = RecordingWatch(5.0, clock)
    watch.begin('e1.partial')
    clock.now = 4.0
    watch.add(word('e1.partial'))
    for clock.now, other in ((6.0, 'e0.partial'), (7.0, ''), (9.0, 'e0.partial')):
        watch.add(word(other))
        assert watch.lost() == ''
    watch.add(word('e1.partial', name='somebody'))
    clock.now = 9.1
    assert watch.lost() == (
        'the recorder has not said for 5 s that it records e1.partial (recorder_silence_s)'
    )
    watch.add(word('e1.partial'))
    assert watch.lost() == ''


def test_a_failure_counts_at_once_and_not_for_the_next_episode() -> None:
    watch = RecordingWatch(5.0, Clock())
    watch.begin('e1.partial')
    watch.add(word('e0.partial', DiagnosticStatus.ERROR))
    assert watch.lost() == ''
    watch.add(word('e1.partial', DiagnosticStatus.WARN))
    assert watch.lost() == ''
    watch.add(word('e1.partial', DiagnosticStatus.ERROR))
    assert watch.lost() == 'the recording failed: the disk failed'
    watch.begin('e2.partial')
    assert watch.lost() == ''
