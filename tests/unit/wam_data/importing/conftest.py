from pathlib import Path

import pytest
from import_desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / 'episodes')
