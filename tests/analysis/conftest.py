import pytest

import envs  # noqa: F401  # before any test imports mujoco: envs chooses how it draws
from tests.analysis.run_folders import write_run


@pytest.fixture
def make_run(tmp_path):
    """Return a function that writes a run folder under `runs`."""

    def make(name, **told):
        return write_run(tmp_path / "runs" / name, **told)

    return make
