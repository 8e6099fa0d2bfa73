"""Which kernel is in use, and what happens where there is no compiler or no room to keep it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from brains.kernels import lif_kernel_name
from brains.kernels.compiler import KernelError, load_kernel

NAME = "from brains.kernels import lif_kernel_name; print(lif_kernel_name())"
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


def name_in_use(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", NAME],
        env={**os.environ, "XDG_CACHE_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def kept(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.rglob("*") if path.is_file())


def test_without_a_compiler_torch_does_the_work(tmp_path):
    done = name_in_use(tmp_path, PATH="", CC="", WETWARE_LIF_KERNEL="auto")
    assert (done.stdout.strip(), done.stderr) == ("torch", "")


def test_a_compiler_that_fails_leaves_the_work_to_torch(tmp_path):
    done = name_in_use(tmp_path, CC="false", WETWARE_LIF_KERNEL="auto")
    assert (done.stdout.strip(), done.stderr) == ("torch", "")
    assert kept(tmp_path) == []


def test_asking_for_the_compiled_kernel_without_a_compiler_says_how_to_mend_it(tmp_path):
    done = name_in_use(tmp_path, PATH="", CC="", WETWARE_LIF_KERNEL="compiled")
    assert done.returncode == 1
    message = done.stderr.strip().splitlines()[-1]
    assert "no C compiler found" in message
    assert "WETWARE_LIF_KERNEL=auto" in message


def test_an_unknown_kernel_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", "cuda")
    with pytest.raises(KernelError, match="auto, compiled, torch, got 'cuda'"):
        lif_kernel_name()


def test_the_torch_kernel_can_be_forced(monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", "torch")
    assert lif_kernel_name() == "torch"


@needs_compiler
def test_several_processes_that_compile_at_once_share_one_file(tmp_path):
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "WETWARE_LIF_KERNEL": "compiled"}
    command = [sys.executable, "-c", NAME]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[0].strip() for process in running] == ["compiled"] * 3
    (name,) = kept(tmp_path)
    assert name.endswith(".so")


@needs_compiler
def test_the_second_process_compiles_nothing(tmp_path):
    name_in_use(tmp_path)
    (name,) = kept(tmp_path)
    written = next(tmp_path.rglob(name)).stat().st_mtime_ns
    assert name_in_use(tmp_path).stdout.strip() == "compiled"
    assert next(tmp_path.rglob(name)).stat().st_mtime_ns == written


@needs_compiler
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")  # not a directory: refuses everybody, root included
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert load_kernel("lif").lif_forward
    assert kept(tmp_path) == ["file"]


@needs_compiler
def test_a_damaged_file_in_the_cache_is_replaced(tmp_path):
    name_in_use(tmp_path)
    (name,) = kept(tmp_path)
    damaged = next(tmp_path.rglob(name))
    damaged.write_bytes(b"not a library")
    assert name_in_use(tmp_path, WETWARE_LIF_KERNEL="compiled").stdout.strip() == "compiled"
    assert damaged.read_bytes() != b"not a library"


@needs_compiler
def test_the_cache_is_open_to_its_owner_only(tmp_path):
    name_in_use(tmp_path)
    directory = next(tmp_path.rglob("*.so")).parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
