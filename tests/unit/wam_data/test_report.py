import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from episode_maker import HIGH, START_NS, EpisodeMaker, Written
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.joints import JOINT_NAMES
from wam_data.definitions import Definitions
from wam_data.identity import Origin
from wam_data.manifest import Intervention, Outcome
from wam_data.report.as_json import as_json
from wam_data.report.content import Content, Span
from wam_data.report.gather import gather
from wam_data.report.page import page
from wam_data.report.svg import Line, joint_plot, thinned, ticks
from wam_data.report.text import sparkline, text

HOSTILE = '<img src=x onerror=alert(1)> & "quoted" \'more\''
TAKEN = Intervention(START_NS + 800_000_000, START_NS + 1_200_000_000, 'teleop')


class Tags(HTMLParser):
    """Checks that tags are closed in order; keeps them with their attributes, and the text."""

    VOID = ('meta', 'img')

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ''
        self.feed(html)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.fixture(scope='module')
def make(tmp_path_factory: pytest.TempPathFactory, definitions: Definitions) -> EpisodeMaker:
    return EpisodeMaker(tmp_path_factory.mktemp('episodes'), definitions)


@pytest.fixture(scope='module')
def content(make: EpisodeMaker) -> Content:
    outcome = Outcome('failure', 25.0, ('touched',), HOSTILE, 'ann')
    path = make(interventions=(TAKEN,), outcome=outcome, task=HOSTILE, operator='ann')
    return gather(path)


def test_what_is_gathered(content: Content) -> None:
    assert content.duration_s == pytest.approx(2.0, abs=0.05)
    assert content.measured.values.shape == (200, 14)
    assert content.sent.values.shape == content.requested.values.shape == (50, 14)
    names = [span.name for span in content.sources]
    assert names == ['policy', 'teleop', 'policy']
    assert content.sources[1].start_s == pytest.approx(0.8, abs=0.05)
    assert [span.name for span in content.states] == ['running']
    assert content.interventions == (Span(0.8, 1.2, 'teleop'),)
    assert [chunk.latency_s for chunk in content.chunks] == [0.04] * 4
    assert content.underruns == 1
    kinds = [event.kind for event in content.events]
    assert kinds == ['stage', 'handover', 'handover', 'underrun', 'fault']
    assert list(content.shots) == ['cam_high', 'cam_left_wrist']
    for shots in content.shots.values():
        assert len(shots) == 8
        assert [shot.t_s for shot in shots] == sorted(shot.t_s for shot in shots)
        assert all(shot.jpeg[:2] == b'\xff\xd8' for shot in shots)
    assert content.spread_ms == pytest.approx((4.0, 4.0, 4.0), abs=0.1)


def test_errors_are_of_what_was_measured_last(content: Content) -> None:
    mean, largest = content.errors()
    assert np.all(largest < 1e-6)  # the maker measures what it sends, at the same time
    assert np.all(mean <= largest)


def test_the_text(content: Content) -> None:
    shown = text(content)
    for word in ('failure, score 25', 'P policy, T teleop', 'intervention', '1 underruns'):
        assert word in shown
    for joint in JOINT_NAMES:
        assert joint in shown
    assert 'PPPPTTTT' in shown
    assert re.search(r'0\.40 s  stage     touched', shown)
    assert HIGH in shown


def test_the_page_stands_alone(content: Content) -> None:
    html = page(content)
    tags = Tags(html)
    assert tags.count('script') == tags.count('link') == tags.count('iframe') == 0
    pictures = [attributes['src'] or '' for tag, attributes in tags.tags if tag == 'img']
    assert len(pictures) == 16
    assert all(source.startswith('data:image/jpeg;base64,') for source in pictures)
    fetched = {'src', 'href', 'xlink:href', 'srcset', 'action', 'data', 'poster', 'style'}
    asked = [value for tag, a in tags.tags for name, value in a.items() if name in fetched]
    assert asked == pictures
    (style,) = re.findall('<style>(.*?)</style>', html, re.DOTALL)
    assert not re.search('url|import|@font', style)
    assert tags.count('svg') == 1 + len(JOINT_NAMES)
    assert tags.count('polyline') == 3 * len(JOINT_NAMES)
    assert "default-src 'none'" in html
    assert len(html) < 500_000


def test_the_page_tells_all_of_it(content: Content) -> None:
    shown = Tags(page(content)).text
    for words in ('failure, score 25', 'left waist', 'right gripper', 'cam_left_wrist', HIGH):
        assert words in shown
    assert shown.count(HOSTILE) >= 3  # title, heading, note
    assert '<script>alert("chunk & refused")</script>' in shown


def test_texts_are_escaped(content: Content) -> None:
    html = page(content)
    assert '<script' not in html
    assert '<img src=x' not in html
    assert not any('onerror' in attributes for _, attributes in Tags(html).tags)


def test_json_has_plain_numbers(content: Content) -> None:
    found = json.loads(json.dumps(as_json(content), allow_nan=False))
    assert found['summary']['outcome'] == 'failure'
    assert found['joints']['left_waist']['most'] == pytest.approx(0.3, abs=0.01)
    assert found['interventions'] == [{'start_s': 0.8, 'stop_s': 1.2, 'name': 'teleop'}]
    assert found['verification']['ok'] is True
    assert len(found['events']) == 5


def test_an_episode_of_next_to_nothing(make: EpisodeMaker) -> None:
    """No camera, no executor, no measurement: what is not there is left out."""

    def little(written: list[Written]) -> list[Written]:
        return [m for m in written if m.topic == '/episode_event'][:1]

    origin = Origin('aloha_hdf5', '/data/x.hdf5', '3', ('stamps',))
    for spoil in (little, lambda written: []):
        content = gather(make(spoil, outcome=None, policy='', origin=origin))
        assert Tags(page(content)).count('polyline') == 0
        assert 'not labelled' in text(content)
        assert 'aloha_hdf5: /data/x.hdf5 3' in text(content)
        json.dumps(as_json(content), allow_nan=False)


def test_without_numbers_nothing_breaks(make: EpisodeMaker) -> None:
    from episode_maker import measured

    nothing = np.full(14, np.nan)

    def spoil(written: list[Written]) -> list[Written]:
        return [
            Written(m.log_ns, m.topic, measured(m.log_ns - 1, nothing))
            if m.topic == '/proprioception'
            else m
            for m in written
        ]

    content = gather(make(spoil))
    assert 'left_waist' in text(content)
    assert 'nan' not in re.sub('base64,[^"]*', '', page(content)).lower()
    json.dumps(as_json(content), allow_nan=False)


def test_what_cannot_be_decoded_is_told_and_the_rest_shown(make: EpisodeMaker) -> None:
    def spoil(written: list[Written]) -> list[Written]:
        return [
            Written(m.log_ns, m.topic, m.data[:-400])
            if m.topic in (HIGH, '/executor_state')
            else m
            for m in written
        ]

    content = gather(make(spoil))
    assert not content.verification.ok
    assert content.states == ()
    shown = Tags(page(content)).text
    assert 'are not a wam_msgs/msg/ExecutorState' in shown
    assert len(content.shots['cam_left_wrist']) == 8


def test_what_is_not_finished_is_refused(make: EpisodeMaker) -> None:
    path = make()
    partial = path.rename(path.with_name(f'{path.name}.partial'))
    with pytest.raises(WamError, match='recover it first'):
        gather(partial)
    with pytest.raises(WamError, match='is not an episode directory'):
        gather(path)


@given(st.floats(1e-3, 1e6), st.integers(1, 20))
def test_ticks_are_few_and_within(duration_s: float, count: int) -> None:
    found = ticks(duration_s, count)
    assert found[0] == 0.0
    assert len(found) <= count + 1
    assert found[-1] <= duration_s * (1 + 1e-9)
    assert found == sorted(set(found))


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=500), st.integers(4, 60))
def test_thinning_keeps_the_extremes(values: list[float], count: int) -> None:
    curve = np.array(values)
    t_s, kept = thinned(np.arange(len(values), dtype=float), curve, count)
    assert len(kept) <= max(count, len(values) if len(values) <= count else count)
    assert (kept.min(), kept.max()) == (curve.min(), curve.max())
    assert np.all(np.diff(t_s) > 0) or len(t_s) == 1
    assert np.array_equal(curve[t_s.astype(int)], kept)


@given(st.lists(st.floats(-5, 5) | st.just(np.nan), min_size=1, max_size=300))
def test_plots_stay_in_their_frame(values: list[float]) -> None:
    line = Line('measured', np.linspace(0, 3, len(values)), np.array(values))
    found = joint_plot([line], 3.0, [Span(1.0, 2.0, 'teleop')])
    (points,) = re.findall(r'points="([^"]*)"', found)
    for point in points.split():
        x, y = map(float, point.split(','))
        assert 44 <= x <= 432.1
        assert 7.9 <= y <= 80.1


def test_sparklines() -> None:
    t_s = np.linspace(0, 9.99, 1000)
    line = sparkline(t_s, t_s, 10.0, 8)
    assert line == '▁▂▃▄▅▆▇█'
    assert sparkline(t_s, np.zeros(1000), 10.0, 8) == '▁' * 8
    assert sparkline(t_s, np.full(1000, np.nan), 10.0, 8) == ' ' * 8
    half = np.where(t_s < 5, 1.0, np.nan)
    assert sparkline(t_s, half, 10.0, 8) == '▁▁▁▁    '
