"""Finding weights: folder or cache; whole or refused; which they are. For the hub: tests/process."""

import hashlib
import json
import sys
from pathlib import Path

import pytest

from models.encoders.table import EncoderChoice, choose, make_encoder, weights_of
from models.errors import ModelUnavailableError
from models.weights.digest import has_digest
from models.weights.weights import identity, locate, weight_files, weights_sha256
from tests.support.hub_listings import COMMIT

NAME = "someone/vjepa2-tiny"
CONFIG = b'{"model_type": "vjepa2"}'


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def _whole(folder: Path) -> Path:
    return _write(folder, {"config.json": CONFIG, "model.safetensors": b"weights"})


def _sharded(folder: Path) -> Path:
    index = json.dumps({"weight_map": {"a": "model-2.safetensors", "b": "model-1.safetensors"}}).encode()
    shards = {"model-1.safetensors": b"one", "model-2.safetensors": b"two"}
    return _write(folder, {"config.json": CONFIG, "model.safetensors.index.json": index, **shards})


def _snapshot(home: Path) -> Path:
    return home / "hub" / f"models--{NAME.replace('/', '--')}" / "snapshots" / COMMIT


def test_impossible_name_is_unavailable(tmp_path: Path) -> None:
    """A path that does not exist, and cannot be a hub name either, is an error that names it."""
    missing = str(tmp_path / "nowhere" / "model")
    with pytest.raises(ModelUnavailableError, match="nowhere/model' is neither a folder nor a name on the hub"):
        locate(missing, allow_download=True)


def test_local_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    """A folder with whole weights is used in place."""
    assert locate(_whole(tmp_path), allow_download=False) == tmp_path


def test_shards_in_the_order_of_their_names(tmp_path: Path) -> None:
    """A checkpoint in several files is the files that its index names."""
    assert [path.name for path in weight_files(_sharded(tmp_path))] == ["model-1.safetensors", "model-2.safetensors"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"model.safetensors": b"w"}, "has no config.json"),
        ({"config.json": CONFIG}, "model.safetensors is missing"),
        ({"config.json": CONFIG, "pytorch_model.bin": b"pickle"}, "only pickled weights"),
        ({"config.json": CONFIG, "model.safetensors.index.json": b"{"}, "cannot be read"),
        ({"config.json": CONFIG, "model.safetensors.index.json": b"[]"}, "expected an object"),
        ({"config.json": CONFIG, "model.safetensors.index.json": b"{}"}, "no weight_map"),
    ],
)
def test_half_a_model_is_refused(tmp_path: Path, files: dict[str, bytes], message: str) -> None:
    """A folder that is no whole model in safetensors says what it lacks."""
    with pytest.raises(ModelUnavailableError, match=message):
        locate(_write(tmp_path, files), allow_download=True)


def test_missing_shard_is_named(tmp_path: Path) -> None:
    """A folder whose copy broke off between two shards is refused."""
    (_sharded(tmp_path) / "model-2.safetensors").unlink()
    with pytest.raises(ModelUnavailableError, match=r"incomplete: model-2\.safetensors is missing"):
        weight_files(tmp_path)


def test_hash_of_a_single_file_is_that_of_the_file(tmp_path: Path) -> None:
    """The hash is the one that the hub shows beside the file."""
    assert weights_sha256(_whole(tmp_path)) == hashlib.sha256(b"weights").hexdigest()


def test_hash_in_the_hubs_cache_is_the_blobs_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache names a large file by its digest: gigabytes are read once to check that, and not again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blob = tmp_path / "blobs" / hashlib.sha256(b"weights").hexdigest()
    _write(blob.parent, {blob.name: b"weights"})
    assert has_digest(blob, blob.name)
    monkeypatch.setattr("models.weights.digest._digest", lambda *_, **__: "read again")
    folder = _write(tmp_path / "snapshots" / COMMIT, {"config.json": CONFIG})
    (folder / "model.safetensors").symlink_to(blob)
    assert weights_sha256(folder) == blob.name
    small = blob.with_name("0" * 40)
    _write(blob.parent, {small.name: b"weights"})
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").symlink_to(small)
    assert weights_sha256(folder) == hashlib.sha256(b"weights").hexdigest()


def test_hash_of_shards_is_that_of_sha256sums_listing(tmp_path: Path) -> None:
    """``sha256sum *.safetensors | sha256sum`` gives the same."""
    lines = [f"{hashlib.sha256(c).hexdigest()}  model-{n}.safetensors\n" for n, c in ((1, b"one"), (2, b"two"))]
    assert weights_sha256(_sharded(tmp_path)) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_identity_of_a_cached_snapshot_is_the_hubs(tmp_path: Path) -> None:
    """Name and commit are read off the cache's own layout; a local folder has its name alone."""
    assert identity(_snapshot(tmp_path)) == (NAME, COMMIT)
    assert identity(tmp_path / "mine") == ("mine", "local")


def test_auto_is_vjepa2_where_its_weights_are(tmp_path: Path) -> None:
    """``auto`` settles on V-JEPA 2 and hands on the folder."""
    assert choose(model=_whole(tmp_path)) == EncoderChoice("vjepa2", str(tmp_path))


def test_auto_without_weights_names_both_ways_out() -> None:
    """With its packages, ``auto`` fails in one sentence: first the way that works here, the grid, then the download."""
    with pytest.raises(ModelUnavailableError, match=r"--encoder grid.*`egoclean-stream models fetch`") as caught:
        choose(model="someone/none", allow_download=False)
    assert "\n" not in str(caught.value)


def test_auto_without_packages_is_the_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says so. Whoever names weights wants them, and gets the error."""
    monkeypatch.setitem(sys.modules, "torch", None)
    assert choose("auto") == EncoderChoice("grid", None, 64, reason="auto: the extra vjepa is not installed")
    assert choose("grid").reason is None
    for kind, model in (("auto", "someone/none"), ("vjepa2", None)):
        with pytest.raises(ModelUnavailableError, match="the Python package torch is not installed"):
            choose(kind, model)
    assert weights_of("auto") is None


def test_choice_checks_the_architecture(tmp_path: Path) -> None:
    """A run with another model's folder fails before its stages start."""
    _write(_whole(tmp_path), {"config.json": b'{"model_type": "bert"}'})
    with pytest.raises(ModelUnavailableError, match="expected 'vjepa2'"):
        choose("vjepa2", tmp_path)


def test_grid_is_chosen_by_name_alone(tmp_path: Path) -> None:
    """The grid needs no weights and refuses a folder of them."""
    assert choose("grid") == EncoderChoice("grid", None, 64)
    with pytest.raises(ValueError, match="has no weights"):
        choose("grid", tmp_path)
    with pytest.raises(ValueError, match="has no weights"):
        make_encoder("grid", tmp_path)


def test_unknown_encoder_is_refused() -> None:
    """A name that no encoder has is an error that lists those there are."""
    with pytest.raises(ValueError, match="no encoder 'clip': expected one of auto, grid, vjepa2"):
        choose("clip")
    with pytest.raises(ValueError, match="no encoder 'auto': expected one of grid, vjepa2"):
        make_encoder("auto")
