"""HDF5 files are whole or absent, also when they cannot be written."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trajcast.io.hdf5 import atomic_hdf5


def test_a_whole_file_appears(tmp_path: Path):
    import h5py

    with atomic_hdf5(tmp_path / "a.h5") as file:
        file["x"] = np.arange(1000)
        assert not (tmp_path / "a.h5").exists()
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["x"], np.arange(1000))
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_an_error_leaves_nothing(tmp_path: Path):
    with pytest.raises(ZeroDivisionError), atomic_hdf5(tmp_path / "a.h5") as file:
        file["x"] = 1 / 0
    assert not list(tmp_path.iterdir())


def test_a_failing_write_is_one_error_and_leaves_nothing(tmp_path: Path):
    """Real failures of write(2), in a process of its own because HDF5 used to crash the interpreter."""
    script = f"""
import resource, sys
import numpy as np
from trajcast.io.hdf5 import atomic_hdf5
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    with atomic_hdf5({str(tmp_path / "a.h5")!r}) as file:
        data = file.create_dataset("x", (0, 100), maxshape=(None, 100), chunks=(10, 100), dtype="f4")
        for i in range(100):
            data.resize(100 * i + 100, axis=0)
            data[100 * i :] = i
except OSError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    path = tmp_path / "a.h5"
    assert (
        done.stderr.strip() == f"[Errno 27] File too large; make room, then run the same command again: {str(path)!r}"
    )
    assert not list(tmp_path.iterdir())
