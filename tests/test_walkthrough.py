"""The notebook of the documentation runs from its first cell to its last."""

import os
from pathlib import Path

import pytest

from envs.headless import WHY_NOT
from tests.command_line import ROOT

nbformat = pytest.importorskip("nbformat", reason="pip install -e '.[notebook]'")
nbclient = pytest.importorskip("nbclient", reason="pip install -e '.[notebook]'")
pytest.importorskip("ipykernel", reason="pip install -e '.[notebook]'")

NOTEBOOK = ROOT / "docs" / "walkthrough.ipynb"
SECONDS_FOR_A_CELL = 600
BRAINS = ("full", "gru", "full_without_neuromodulator")


def read():
    return nbformat.read(NOTEBOOK, as_version=4)


def execute(notebook, folder: Path, **environment: str):
    """Run a notebook's cells in a kernel of this Python, and return it with what they show."""
    variables = {"WALKTHROUGH_RUNS": str(folder), "OMP_NUM_THREADS": "1", **environment}
    client = nbclient.NotebookClient(
        notebook,
        timeout=SECONDS_FOR_A_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(NOTEBOOK.parent)}},
    )
    client.execute(env={**os.environ, **variables})
    return notebook


def shown(cell) -> str:
    """Return the text that a cell shows, as it is printed or as Markdown."""
    texts = [output.get("text", "") for output in cell.outputs]
    return "".join(
        texts + [output.get("data", {}).get("text/markdown", "") for output in cell.outputs]
    )


def cell_with(notebook, words: str):
    """Return the one cell of code that has these words."""
    (found,) = [
        cell for cell in notebook.cells if cell.cell_type == "code" and words in cell.source
    ]
    return found


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Return the notebook after a short walk, and the folder into which it wrote."""
    folder = tmp_path_factory.mktemp("walk")
    notebook = execute(read(), folder, WALKTHROUGH_STEPS="1024")
    (runs,) = folder.iterdir()
    return notebook, runs


def test_the_notebook_is_kept_without_outputs():
    for cell in read().cells:
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None


def test_every_cell_of_the_notebook_runs_without_an_error(walked):
    notebook, _ = walked
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.execution_count
            assert not [output for output in cell.outputs if output.output_type == "error"]


@pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))
def test_the_notebook_shows_the_film_that_it_made(walked):
    notebook, runs = walked
    (film,) = (runs / "mine" / "videos").glob("*.mp4")
    assert film.stat().st_size > 10_000
    outputs = cell_with(notebook, "video=true").outputs
    assert "video/mp4" in "".join(
        str(output.data.get("text/html")) for output in outputs if "data" in output
    )


def test_the_notebook_draws_what_it_learned_and_what_its_neurons_did(walked):
    notebook, _ = walked
    for words in ("progress.csv", "telemetry.signals"):
        outputs = cell_with(notebook, words).outputs
        assert any("image/png" in output.get("data", {}) for output in outputs)


def test_the_tables_of_the_notebook_name_every_brain_with_two_seeds(walked):
    notebook, _ = walked
    for words, brains in (('/ "compared"', BRAINS[:2]), ('/ "ablated"', BRAINS)):
        table = shown(cell_with(notebook, words))
        for brain in brains:
            (row,) = [line for line in table.splitlines() if f"| {brain} |" in line][:1]
            assert "| 2 |" in row


def test_the_lesion_of_the_notebook_is_told_for_both_brains_that_have_the_part(walked):
    notebook, runs = walked
    told = shown(cell_with(notebook, "lesion=modulator_clamped"))
    assert told.count("with modulator_clamped") == 2
    assert "without_neuromodulator" not in told
    assert len(list((runs / "grid").glob("*/evaluation.modulator_clamped.json"))) == 2


def test_without_a_renderer_the_notebook_says_so_and_keeps_telemetry(tmp_path):
    notebook = read()
    last = notebook.cells.index(cell_with(notebook, "telemetry.read"))
    own = cell_with(notebook, "BrainPPO")  # draws nothing
    notebook.cells = [cell for cell in notebook.cells[: last + 1] if cell is not own]
    notebook = execute(notebook, tmp_path, WALKTHROUGH_STEPS="256", MUJOCO_GL="disabled")
    told = shown(cell_with(notebook, "video=true"))
    assert "no film: " in told
    assert "There is no film" in told
    assert "spikes" in shown(cell_with(notebook, "telemetry.read"))
