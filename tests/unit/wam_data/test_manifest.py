import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_data.identity import KINDS, Identity, Origin
from wam_data.label import write_label
from wam_data.layout import MANIFEST
from wam_data.manifest import (
    EpisodeManifest,
    Intervention,
    Outcome,
    Spread,
    TopicStatistics,
    parse_manifest,
    read_manifest,
)

OUTCOMES = st.builds(
    Outcome,
    result=st.sampled_from(['success', 'failure', 'aborted']),
    score=st.floats(0.0, 100.0),
    stages=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    note=st.text(max_size=10),
    by=st.text(max_size=5),
)
MANIFESTS = st.builds(
    EpisodeManifest,
    identity=st.builds(
        Identity,
        task=st.text(max_size=20),
        policy=st.text(max_size=5),
        policy_specification=st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
        policy_options=st.dictionaries(st.text(max_size=4), st.integers(), max_size=3),
        kind=st.sampled_from(KINDS),
        operator=st.text(max_size=5),
        seed=st.integers(-1, 2**63 - 1),
    ),
    started_utc=st.just('2025-01-01T00:00:00+00:00'),
    started_ns=st.integers(0, 2**62),
    stopped_ns=st.integers(0, 2**62),
    topics=st.dictionaries(
        st.text(max_size=6),
        st.builds(TopicStatistics, type=st.just('a/msg/B'), messages=st.integers(0, 2**62)),
        max_size=3,
    ),
    camera_sync=st.none() | st.builds(Spread, st.integers(0, 9), st.just(1.5), st.just(2.0)),
    interventions=st.just((Intervention(2**60 + 1, 2**60 + 3, 'teleop'),)) | st.just(()),
    outcome=st.none() | OUTCOMES,
    labels=st.lists(OUTCOMES, max_size=2).map(tuple),
    complete=st.booleans(),
    origin=st.none() | st.just(Origin('aloha_hdf5', '/data/episode_3.hdf5', '3', ('stamps',))),
)


@given(MANIFESTS)
def test_what_is_written_is_read(manifest: EpisodeManifest) -> None:
    assert parse_manifest(json.loads(manifest.text()), 'x') == manifest


def test_an_episode_that_does_not_say_what_it_is_was_a_rollout() -> None:
    contents = json.loads(EpisodeManifest(Identity('move'), '', 1).text())
    for key in ('kind', 'operator', 'policy_options', 'origin'):
        del contents[key]
    assert parse_manifest(contents, 'x').identity == Identity('move', kind='rollout')


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(WamError, match=r"'dream'.*demonstration"):
        Identity('move', kind='dream')


def contents(episode: Path) -> Any:
    return json.loads((episode / MANIFEST).read_text())


@pytest.mark.parametrize(
    ('key', 'value', 'text'),
    [
        ('schema', 2, 'schema = 2'),
        ('seed', 'seven', 'seed'),
        ('complete', 'yes', 'complete'),
        ('started_ns', -1, 'started_ns = -1'),
        ('surprise', 1, "unknown key 'surprise'"),
        ('outcome', {'result': 'won'}, 'outcome'),
        ('topics', [], 'topics'),
    ],
)
def test_bad_keys_are_named(episode: Path, key: str, value: object, text: str) -> None:
    bad = {**contents(episode), key: value}
    with pytest.raises(WamError, match=text) as caught:
        parse_manifest(bad, 'episode.json')
    assert str(caught.value).startswith('episode.json')


@pytest.mark.parametrize('key', ['task', 'topics', 'started_ns', 'complete', 'labels'])
def test_missing_keys_are_named(episode: Path, key: str) -> None:
    bad = contents(episode)
    del bad[key]
    with pytest.raises(WamError, match=f"missing key '{key}'"):
        parse_manifest(bad, 'episode.json')


def test_text_that_no_file_can_hold_is_neither_written_nor_read(episode: Path) -> None:
    with pytest.raises(
        WamError, match=r"episode\.json: task = 'caf\\udce9', expected text in UTF"
    ):
        EpisodeManifest(Identity('caf\udce9'), '', 1).text()
    bad = contents(episode)
    bad['outcome']['note'] = 'caf\udce9'
    (episode / MANIFEST).write_text(json.dumps(bad))
    with pytest.raises(WamError, match=r"episode\.json: outcome: note = 'caf\\udce9', expected"):
        read_manifest(episode)


def test_a_manifest_that_is_not_json(episode: Path) -> None:
    (episode / MANIFEST).write_text('{"schema": 1,')
    with pytest.raises(WamError, match='is not JSON'):
        read_manifest(episode)


@pytest.mark.parametrize('score', [-1.0, 100.5, float('nan'), float('inf')])
def test_scores_out_of_range(score: float) -> None:
    with pytest.raises(WamError, match='allowed 0 to 100'):
        Outcome('success', score)


def test_unknown_outcome() -> None:
    with pytest.raises(WamError, match=r"'won', expected one of \['success', 'failure', 'abor"):
        Outcome('won')


def test_labels_keep_their_history(episode: Path) -> None:
    before = read_manifest(episode).outcome
    write_label(episode, Outcome('failure', 25.0, note='dropped it', by='ann'))
    write_label(episode, Outcome('success', 75.0, by='bob'))
    manifest = read_manifest(episode)
    assert manifest.outcome is not None
    assert (manifest.outcome.result, manifest.outcome.by) == ('success', 'bob')
    assert manifest.outcome.at
    assert manifest.labels[0] == before
    assert [label.by for label in manifest.labels] == ['sim', 'ann']
    assert contents(episode)['outcome']['success'] is True


def test_an_unknown_or_partial_episode_gets_no_label(episode: Path) -> None:
    with pytest.raises(WamError, match='not an episode directory'):
        write_label(episode / 'nothing', Outcome('failure'))
    partial = episode.rename(episode.with_name(f'{episode.name}.partial'))
    with pytest.raises(WamError, match='recover it first'):
        write_label(partial, Outcome('failure'))
