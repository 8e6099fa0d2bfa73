"""What the documentation tells to do works when it is done to the letter."""

import itertools
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest

from envs.headless import WHY_NOT
from tests.command_line import QUICK, ROOT, SMALL

FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"^(?:#|<!--) (\S+/\S+\.(?:py|xml|yaml))(?: -->)?\n")
PROJECT = (
    "agents",
    "analysis",
    "brains",
    "conf",
    "envs",
    "grids",
    "hydra_plugins",
    "search",
    "tests",
    "train.py",
    "evaluate.py",
    "pyproject.toml",
)


def blocks_of(document: str) -> tuple[dict[str, str], list[str]]:
    """Return the blocks of a document that name a file, by that name, and the other ones."""
    files, others = {}, []
    for _, indented in FENCE.findall((ROOT / "docs" / document).read_text(encoding="utf-8")):
        block = textwrap.dedent(indented)
        name = NAMED.match(block)
        if name:
            files[name[1]] = block[name.end() :] if name[1].endswith(".xml") else block
        else:
            others.append(block.strip())
    return files, others


@pytest.fixture
def project(tmp_path):
    """Return a copy of the project, to be added to."""
    for name in PROJECT:
        source, target = ROOT / name, tmp_path / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return tmp_path


def put(project: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        there = (project / name).read_text(encoding="utf-8") if (project / name).exists() else text
        assert there == text, f"{name} is there already"  # the same is, where a page was followed
        (project / name).write_text(text, encoding="utf-8")


def call(project: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=project, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def assert_shows_something_moving(film: Path) -> None:
    """Look at three frames of a film, a second apart, without keeping the others in memory."""
    assert film.read_bytes()[4:8] == b"ftyp", f"{film} is no mp4"
    frames = imageio.imiter(film, plugin="FFMPEG")
    first, *later = itertools.islice(frames, 0, 101, 50)
    assert len(later) == 2, "it ends within two seconds"
    assert first.std() > 10, "it is empty"
    assert np.abs(later[-1].astype(int) - first).mean() > 0.1, "nothing moves"


def test_the_body_of_the_documentation_trains_is_filmed_and_passes_the_tests_of_bodies(project):
    files, (line, *_) = blocks_of("adding-a-body.md")
    assert set(files) == {"envs/assets/puck.xml", "envs/puck.py", "conf/env/Puck.yaml"}
    put(project, files)
    registration = project / "envs" / "registration.py"
    text = registration.read_text(encoding="utf-8")
    place = text.index("    register_v5_twin(")
    registration.write_text(text[:place] + f"    {line}\n" + text[place:], encoding="utf-8")
    call(project, "train.py", "env=Puck", "brain=mlp", "total_steps=64", *QUICK, *SMALL["ppo"])
    (trained,) = (project / "runs").iterdir()
    assert (trained / "checkpoints" / "latest").exists()
    if WHY_NOT is None:
        call(project, "evaluate.py", f"runs={trained}", "episodes=0", "video=true")
        (film,) = (trained / "videos").glob("*.mp4")
        assert_shows_something_moving(film)
        red, green, blue = imageio.imread(film, index=0, plugin="FFMPEG").astype(int).T
        assert ((red > green + 50) & (green > blue + 30)).sum() > 100, "the orange puck is hidden"
    suites = ("test_bodies", "test_sb3", "test_single", "test_vector", "challenges/test_felt")
    tests = [f"tests/envs/{name}.py" for name in suites]
    told = call(project, "-m", "pytest", "-k", "Puck", *tests)
    assert int(re.search(r"(\d+) passed", told)[1]) > 10


BRAIN_PARTS = {
    "brains/reservoir.py": ("controller", "reservoir", "test_recurrent_contract.py"),
    "brains/whitening.py": ("perception", "whitening", "test_perception_contract.py"),
}


def test_the_documentation_shows_two_brain_parts_and_a_config_for_each():
    files, others = blocks_of("adding-a-brain-part.md")
    configs = {f"conf/brain/{group}/{name}.yaml" for group, name, _ in BRAIN_PARTS.values()}
    assert set(files) == {*BRAIN_PARTS, *configs}
    assert not others


@pytest.mark.parametrize(("group", "name", "suite"), BRAIN_PARTS.values())
def test_a_brain_part_of_the_documentation_trains_and_passes_its_contract(
    project, group, name, suite
):
    files, _ = blocks_of("adding-a-brain-part.md")
    put(project, {path: text for path, text in files.items() if Path(path).stem == name})
    options = ("brain=gru", f"brain/{group}={name}", "env=InvertedPendulum-v5", "total_steps=64")
    call(project, "train.py", *options, *QUICK, *SMALL["ppo"])
    told = call(project, "-m", "pytest", "-k", name, f"tests/brains/{suite}")
    assert int(re.search(r"(\d+) passed", told)[1]) >= 5
