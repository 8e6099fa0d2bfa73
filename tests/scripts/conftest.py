"""Scripts that run in this process."""

import pytest

import train
from tests.command_line import call


@pytest.fixture
def command(tmp_path):
    """Return a function that runs a script in this process, in an empty folder."""

    def run(*overrides: str, job=train.train):
        return call(job, *overrides, cwd=tmp_path)

    return run
