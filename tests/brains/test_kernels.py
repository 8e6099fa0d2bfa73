"""Which kernel is in use, and what happens where there is no compiler or no room to keep it."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from brains.kernels import KernelError, choice, lif_kernel_name
from brains.kernels.compiler import load_kernel
from brains.kernels.memory import keep_freed_memory

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler here")


@pytest.fixture
def untried(monkeypatch, tmp_path):
    """Make this process look for a kernel as if for the first time, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("WETWARE_LIF_KERNEL", "auto")
    monkeypatch.delenv("CC", raising=False)
    choice._attempt.cache_clear()
    yield monkeypatch
    choice._attempt.cache_clear()


def kept(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def test_without_a_compiler_torch_does_the_work(untried):
    untried.setenv("PATH", "")
    assert lif_kernel_name() == "torch"


def test_a_compiler_that_fails_leaves_the_work_to_torch(untried, tmp_path, capfd):
    untried.setenv("CC", "false")
    assert lif_kernel_name() == "torch"
    assert capfd.readouterr() == ("", "")
    assert kept(tmp_path) == []


def test_asking_for_the_compiled_kernel_without_a_compiler_says_how_to_mend_it(untried):
    untried.setenv("PATH", "")
    untried.setenv("WETWARE_LIF_KERNEL", "compiled")
    with pytest.raises(
        KernelError, match=r"no C compiler found.*install gcc.*KERNEL=auto"
    ) as found:
        lif_kernel_name()
    assert "\n" not in str(found.value)


def test_a_compiler_that_is_not_there_is_named(untried):
    untried.setenv("CC", "no-such-compiler -m64")
    untried.setenv("WETWARE_LIF_KERNEL", "compiled")
    with pytest.raises(KernelError, match="CC='no-such-compiler -m64' is not there"):
        lif_kernel_name()


def test_an_unknown_kernel_is_answered_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", "cuda")
    with pytest.raises(KernelError, match="auto, compiled, torch, got 'cuda'"):
        lif_kernel_name()


def test_the_torch_kernel_can_be_forced(monkeypatch):
    monkeypatch.setenv("WETWARE_LIF_KERNEL", "torch")
    assert lif_kernel_name() == "torch"


@needs_compiler
def test_the_kernel_is_compiled_once_and_kept_for_its_owner_only(untried, tmp_path):
    assert lif_kernel_name() == "compiled"
    (library,) = kept(tmp_path)
    assert stat.S_IMODE(library.parent.stat().st_mode) == 0o700
    written = library.stat().st_mtime_ns
    load_kernel("lif")
    assert kept(tmp_path) == [library]
    assert library.stat().st_mtime_ns == written


@needs_compiler
def test_processes_that_compile_at_once_share_one_file(tmp_path):
    command = "from brains.kernels.compiler import load_kernel; load_kernel('lif').lif_forward"
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", command], env=environment) for _ in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    assert [path.suffix for path in kept(tmp_path)] == [".so"]


@needs_compiler
def test_a_cache_that_cannot_be_written_is_done_without(untried, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")  # not a directory: refuses everybody, root included
    untried.setenv("XDG_CACHE_HOME", str(blocked))
    untried.setattr("tempfile.tempdir", str(tmp_path))
    assert load_kernel("lif").lif_forward
    assert kept(tmp_path) == [blocked]


@needs_compiler
def test_a_damaged_file_in_the_cache_is_replaced(untried, tmp_path):
    load_kernel("lif")
    (library,) = kept(tmp_path)
    damaged = tmp_path / "other" / library.relative_to(tmp_path)
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"not a library")
    untried.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    assert load_kernel("lif").lif_forward
    assert damaged.read_bytes() != b"not a library"


@needs_compiler
def test_another_version_of_the_source_is_another_file(untried, tmp_path):
    load_kernel("lif")
    shutil.copytree(Path(choice.__file__).parent, tmp_path / "changed")
    with (tmp_path / "changed" / "lif.h").open("a") as header:
        header.write("/* changed */\n")
    untried.setattr("brains.kernels.compiler.HERE", tmp_path / "changed")
    load_kernel("lif")
    assert len(list((tmp_path / "wetware").rglob("*.so"))) == 2


def test_memory_settings_of_the_user_are_left_alone(monkeypatch):
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "100000")
    keep_freed_memory.cache_clear()
    assert not keep_freed_memory()
    keep_freed_memory.cache_clear()
