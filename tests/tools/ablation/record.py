"""A clip through several encoders in one pass: it is decoded once."""

from collections.abc import Iterator, Mapping

from rich.console import Console

from models.encoders.encoder import ClipEncoder
from stream.geometry.calibrations.table import read_calibration
from stream.pipeline.items import Embedding, EncoderFrame
from stream.pipeline.stage import drive
from stream.run.prepare import Prepared
from stream.stages.decode import Decode
from stream.stages.embed import Embed
from stream.stages.rectify import Rectify
from stream.ui.progress import SECONDS, progress
from stream.video.packets import packets
from tests.tools.ablation.encoders import VIEWS, EmbeddingView
from tests.tools.ablation.series import EmbeddingSeries


def record(prepared: Prepared, encoders: Mapping[str, ClipEncoder], console: Console) -> dict[str, EmbeddingSeries]:
    """Play a clip through the encoders, by the stages of the chain.

    Args:
        prepared: the clip and its lens.
        encoders: by name.
        console: shows how far decoding is.

    Returns:
        What there is to see of the clip in each of ``VIEWS`` whose encoder is among them.

    Raises:
        SourceError: the clip holds no picture.
    """
    decode = Decode(prepared.source.name, prepared.stream)
    windows = {name: Embed(encoder, prepared.options.window.stride_s) for name, encoder in encoders.items()}
    embeddings: dict[str, list[Embedding]] = {name: [] for name in encoders}
    with progress(console, prepared.source.stem, SECONDS, prepared.stream.declared_s) as job:
        for frame in _encoder_frames(decode, prepared, {encoder.encoder_px for encoder in encoders.values()}):
            job.update(frame.t_s)
            for name, window in windows.items():
                if encoders[name].encoder_px == len(frame.rgb):
                    embeddings[name] += (item for item in window.on_item(frame) if isinstance(item, Embedding))
    for name, window in windows.items():
        embeddings[name] += (item for item in window.on_end() if isinstance(item, Embedding))
    duration_s = decode.end("end_of_stream").decoded_s
    return {
        name: _series(embeddings[view.encoder], view, duration_s)
        for name, view in VIEWS.items()
        if view.encoder in embeddings
    }


def _encoder_frames(decode: Decode, prepared: Prepared, sides_px: set[int]) -> Iterator[EncoderFrame]:
    """A frame of each size for every picture of the clip."""
    options = prepared.options
    intrinsics = read_calibration(options.lens.intrinsics).intrinsics if options.lens.intrinsics else None
    rectifiers = [Rectify(intrinsics, encoder_px=side_px) for side_px in sorted(sides_px)]
    for picture in drive(decode, packets(prepared.source)):
        for rectify in rectifiers:
            yield from (item for item in rectify.on_item(picture) if isinstance(item, EncoderFrame))


def _series(embeddings: list[Embedding], view: EmbeddingView, duration_s: float) -> EmbeddingSeries:
    return EmbeddingSeries(
        [embedding.t_sample_s for embedding in embeddings],
        [embedding.t_end_s for embedding in embeddings],
        [view.look(embedding) for embedding in embeddings],
        duration_s,
    )
