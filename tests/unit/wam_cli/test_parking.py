"""When a graph parks the arms, and where in the order of its end."""

import pytest

from wam_bringup.graph import graph
from wam_cli import parking
from wam_cli.up import _processes
from wam_core.errors import WamError


@pytest.mark.parametrize(
    ('choice', 'rig', 'expected'),
    [
        ('auto', 'sim', False),
        ('auto', 'aloha', True),
        ('yes', 'sim', True),
        ('yes', 'aloha', True),
        ('no', 'sim', False),
        ('no', 'aloha', False),
    ],
)
def test_real_arms_are_parked_unless_somebody_says_otherwise(
    choice: str, rig: str, expected: bool
) -> None:
    assert parking.parks(choice, graph('rollout').resolve({'rig': rig})) is expected


def test_a_graph_without_the_node_can_not_park() -> None:
    specs = graph('sim').resolve({})
    assert not parking.parks('auto', specs)
    assert not parking.parks('no', specs)
    with pytest.raises(WamError, match='--park yes'):
        parking.parks('yes', specs)


def test_the_arms_are_parked_after_the_rollout_has_ended_and_before_the_executor() -> None:
    specs = graph('rollout').resolve({})
    processes = {process.name: process for process in _processes(specs, parks=True)}
    order = list(reversed(processes))  # of stopping
    assert order[:4] == ['rollout', 'park', 'executor', 'arms']
    assert [process.name for process in processes.values() if process.at_end] == ['park']
    assert not processes['park'].required
    assert 'park' not in [process.name for process in _processes(specs, parks=False)]
