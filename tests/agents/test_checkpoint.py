"""A checkpoint is whole or not there, whatever happens while it is written or afterwards."""

import errno
import json
import os
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from agents import checkpoint
from agents.checkpoint import CheckpointError, load_tree, read_metadata, save_tree

TREE = {"brain": {"weight": torch.arange(1000.0)}, "rows": np.eye(3), "steps": 7, "none": None}


def one_line(error) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    save_tree(tmp_path / "step", TREE, metadata={"env_steps": 7})
    tree, metadata = load_tree(tmp_path / "step")
    assert torch.equal(tree["brain"]["weight"], TREE["brain"]["weight"])
    np.testing.assert_array_equal(tree["rows"], TREE["rows"])
    assert (tree["steps"], tree["none"], metadata) == (7, None, {"env_steps": 7})
    assert read_metadata(tmp_path / "step") == {"env_steps": 7}


def test_nothing_but_the_checkpoint_is_left_beside_it(tmp_path):
    save_tree(tmp_path / "step", TREE, metadata={})
    save_tree(tmp_path / "step", TREE, metadata={"second": True})
    assert [path.name for path in tmp_path.iterdir()] == ["step"]
    assert read_metadata(tmp_path / "step") == {"second": True}


def test_the_tree_stays_as_it_was_when_what_was_loaded_is_changed(tmp_path):
    save_tree(tmp_path / "step", TREE, metadata={})
    tree, _ = load_tree(tmp_path / "step")
    tree["brain"]["weight"].zero_()
    tree["rows"][:] = 0
    again, _ = load_tree(tmp_path / "step")
    assert torch.equal(again["brain"]["weight"], TREE["brain"]["weight"])


@pytest.mark.parametrize("name", ["tensors.safetensors", "state.json", "SHA256SUMS"])
@pytest.mark.parametrize("damage", ["truncated", "empty", "one bit", "absent"])
def test_a_damaged_file_is_found_and_named_in_one_line(tmp_path, name, damage):
    save_tree(tmp_path / "step", TREE, metadata={})
    path = tmp_path / "step" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    pieces = {"truncated": content[: len(content) // 2], "empty": b"", "one bit": content}
    path.unlink() if damage == "absent" else path.write_bytes(pieces[damage])
    for load in (load_tree, read_metadata):
        with pytest.raises(CheckpointError) as error:
            load(tmp_path / "step")
        assert str(tmp_path / "step") in one_line(error)


def test_a_foreign_folder_and_no_folder_are_told_apart(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(CheckpointError, match="is not a checkpoint"):
        load_tree(tmp_path / "photos")
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        load_tree(tmp_path / "nowhere")


def test_a_pickle_dressed_as_a_checkpoint_is_never_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    folder = save_tree(tmp_path / "step", TREE, metadata={})
    for name in ("tensors.safetensors", "state.json"):
        (folder / name).write_bytes(pickle.dumps(Bomb()))
    digests = [f"{checkpoint._sha256(folder / n)}  {n}\n" for n in os.listdir(folder) if "." in n]
    (folder / "SHA256SUMS").write_text("".join(digests))
    with pytest.raises(CheckpointError) as error:
        load_tree(folder)
    one_line(error)
    assert not (tmp_path / "exploded").exists()


def test_a_checkpoint_of_a_later_format_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "VERSION", 99)
    save_tree(tmp_path / "step", TREE, metadata={})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="format version 99; this is 1"):
        load_tree(tmp_path / "step")


def test_a_full_disk_is_reported_and_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    save_tree(tmp_path / "step", TREE, metadata={"env_steps": 1})

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(CheckpointError, match="the disk is full") as error:
        save_tree(tmp_path / "step", TREE, metadata={"env_steps": 2})
    assert "the one before it is intact" in one_line(error)
    assert read_metadata(tmp_path / "step") == {"env_steps": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_a_write_that_the_system_cuts_short_leaves_the_old_checkpoint(tmp_path):
    save_tree(tmp_path / "step", TREE, metadata={"env_steps": 1})

    def allow_small_files_only():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    finished = run_save(tmp_path / "step", "", preexec_fn=allow_small_files_only)
    assert "CheckpointError: checkpoint" in finished.stderr
    assert read_metadata(tmp_path / "step") == {"env_steps": 1}


@pytest.mark.parametrize("moment", ["fsync 1", "fsync 4", "rename 1", "rename 2", "fsync 5"])
def test_a_process_killed_while_it_writes_leaves_a_whole_checkpoint(tmp_path, moment):
    """The last good one before the second rename, the new one after it."""
    save_tree(tmp_path / "step", TREE, metadata={"env_steps": 1})
    call, count = moment.split()
    owner = {"fsync": "os", "rename": "pathlib.Path"}[call]
    kill = f"""
import os, pathlib, signal
original, calls = {owner}.{call}, []
def deadly(*arguments):
    calls.append(1)
    if len(calls) == {count}:
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*arguments)
{owner}.{call} = deadly
"""
    finished = run_save(tmp_path / "step", kill)
    assert finished.returncode == -signal.SIGKILL
    expected = 2 if moment == "fsync 5" else 1
    assert load_tree(tmp_path / "step")[1] == {"env_steps": expected}
    save_tree(tmp_path / "step", TREE, metadata={"env_steps": 3})
    assert load_tree(tmp_path / "step")[1] == {"env_steps": 3}
    assert [path.name for path in tmp_path.iterdir()] == ["step"]


def run_save(directory: Path, prelude: str, **options) -> subprocess.CompletedProcess[str]:
    script = f"""{prelude}
import torch
from agents.checkpoint import save_tree
save_tree({str(directory)!r}, {{"w": torch.ones(5000)}}, metadata={{"env_steps": 2}})
"""
    root = Path(checkpoint.__file__).parents[1]
    command = [sys.executable, "-c", script]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, **options)


def test_the_state_is_readable_json(tmp_path):
    save_tree(tmp_path / "step", TREE, metadata={"env_steps": 7})
    document = json.loads((tmp_path / "step" / "state.json").read_text())
    assert document["tree"]["brain"] == {"weight": {"$torch": "brain.weight"}}
