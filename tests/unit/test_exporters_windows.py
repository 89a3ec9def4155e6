"""A clip's arrays are checked, and read in memory that does not grow with them."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from exporters.windows import open_windows, stems
from stream.errors import InputError
from tests.support.arrays import bare_folder


def test_blocks_are_the_files_rows_at_length_one(tmp_path: Path) -> None:
    """Rows come flattened, normalised, in order, and all of them."""
    layout = bare_folder(tmp_path)
    rows = np.concatenate(list(open_windows(layout).temporal_blocks()))
    stored = np.load(layout.temporal).reshape(6, 8).astype(np.float32)
    assert np.allclose(rows, stored / np.linalg.norm(stored, axis=1, keepdims=True), atol=1e-6)
    assert np.concatenate(list(open_windows(layout).mean_blocks())).shape == (6, 4)


def test_rows_without_a_direction_are_left_out(tmp_path: Path) -> None:
    """A row that is NaN, infinite or zero in either array is no window in both, and is counted."""
    layout = bare_folder(tmp_path)
    mean, temporal = np.load(layout.embeddings), np.load(layout.temporal)
    mean[1] = np.nan
    mean[2] = 0
    temporal[4, 0, 0] = np.inf
    np.save(layout.embeddings, mean)
    np.save(layout.temporal, temporal)
    windows = open_windows(layout)
    assert windows.t_s.tolist() == [0.0, 3.0, 5.0]
    assert windows.left_out == 3
    assert [sum(map(len, blocks)) for blocks in (windows.mean_blocks(), windows.temporal_blocks())] == [3, 3]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """64 MiB of embeddings are read in less than half of that."""
    layout = bare_folder(tmp_path, 1024, tokens=32, dims=1024)
    tracemalloc.start()
    windows = open_windows(layout)
    count = sum(len(block) for block in windows.temporal_blocks())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1024
    assert peak_bytes < 32 * 2**20


def test_growing_run_is_read_up_to_the_shortest_array(tmp_path: Path) -> None:
    """While a run writes, one array may be a row ahead; in a folder at rest that is an error."""
    layout = bare_folder(tmp_path)
    np.save(layout.timestamps, np.arange(5.0))
    assert len(open_windows(layout, growing=True).t_s) == 5
    with pytest.raises(InputError, match=r"disagree.*clip_emb.npy has 6.*clip_ts.npy has 5"):
        open_windows(layout)


@pytest.mark.parametrize(
    ("array", "value", "message"),
    [
        ("timestamps", np.arange(6.0)[::-1], "must be finite and rise"),
        ("timestamps", np.array([0, 1, 1, 2, 3, 4.0]), "must be finite and rise"),
        ("timestamps", np.array([0, 1, np.nan, 3, 4, 5.0]), "must be finite and rise"),
        ("timestamps", np.arange(6), r"holds int64 \(6,\)"),
        ("temporal", np.zeros((6, 8), np.float16), r"holds float16 \(6, 8\), expected .* 3 dimensions"),
        ("embeddings", np.zeros((6, 4), np.float32), "none of the 6 windows"),
        ("embeddings", np.array([{}] * 6), "cannot be read as a numpy array: it is damaged"),
    ],
)
def test_bad_arrays_are_named(tmp_path: Path, array: str, value: np.ndarray, message: str) -> None:
    """An array that is not what it should be is an error that says which and why; nothing is unpickled."""
    layout = bare_folder(tmp_path)
    np.save(getattr(layout, array), value, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        open_windows(layout)


def test_missing_torn_and_empty_arrays_are_named(tmp_path: Path) -> None:
    """No file, no numpy file, no windows: one sentence each."""
    layout = bare_folder(tmp_path, 0)
    with pytest.raises(InputError, match="holds no windows"):
        open_windows(layout)
    layout.temporal.write_bytes(b"\x93NUMPY")
    with pytest.raises(InputError, match=r"clip_temb\.npy cannot be read"):
        open_windows(layout)
    layout.temporal.unlink()
    with pytest.raises(InputError, match=r"clip_temb\.npy is missing"):
        open_windows(layout)


def test_clips_of_a_folder_are_found_by_any_array(tmp_path: Path) -> None:
    """A clip of which one array is lost is still seen, so that the loss can be reported."""
    bare_folder(tmp_path, stem="b")
    bare_folder(tmp_path, stem="a_emb").temporal.unlink()
    assert stems(tmp_path) == ["a_emb", "b"]
