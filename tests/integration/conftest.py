"""Real nodes in real processes: each test in a ROS domain of its own, ended after it."""

from collections.abc import Iterator
from pathlib import Path

import domain_coordinator
import pytest
from recorder_bench import Bench, Make
from ros_domain import Ros


@pytest.fixture
def ros(tmp_path: Path) -> Iterator[Ros]:
    """A fresh domain with the test's own node; ends every process that the test started."""
    with domain_coordinator.domain_id() as domain:
        handle = Ros(domain, tmp_path)
        try:
            yield handle
        finally:
            stubborn = handle.close()
        assert stubborn == [], 'still running long after SIGTERM'


@pytest.fixture
def recorder(ros: Ros, tmp_path: Path) -> Make:
    """Makes a recorder that has heard of everything, from its parameters."""
    return lambda **params: Bench(ros, tmp_path / 'episodes', **params).wake()
