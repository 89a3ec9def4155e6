"""Embeddings that somebody else made, from a file."""

from pathlib import Path

from stream.detection.embedding_files import load_embeddings
from stream.detection.offline import window_edges_s
from tests.tools.ablation.series import EmbeddingSeries

ENDINGS = (".npz", ".npy")


def stem_of(path: Path) -> str:
    """The clip's name: the file's, without what a run adds to it."""
    return path.stem.removesuffix("_temb").removesuffix("_emb")


def read_embeddings(path: Path) -> EmbeddingSeries:
    """The windows of a clip from an NPZ or NPY as ``load_embeddings`` reads it, with ``<stem>_ts.npy`` beside an NPY.

    How long a window is the file does not say: each is taken to be known at its start, and the clip to end one stride
    after the last one's.

    Raises:
        InputError: the file cannot be read, or does not hold embeddings.
    """
    beside = path.with_name(f"{stem_of(path)}_ts.npy")
    has_times = path.suffix.lower() == ".npy" and beside.exists()
    embeddings, times_s = load_embeddings(path, beside if has_times else None)
    starts_s = times_s.tolist()
    return EmbeddingSeries(starts_s, starts_s, tuple(embeddings), float(window_edges_s(times_s)[-1]))
