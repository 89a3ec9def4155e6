"""Render the demo clip: the scene through a fisheye lens, with noise, as H.265, with its calibration and its truth."""

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

from stream.demo.lens import Lens, demo_intrinsics
from stream.demo.motion import Script
from stream.demo.scene import Scene
from stream.pipeline.items import UInt8

_X265 = {
    "preset": "ultrafast",
    "x265-params": "log-level=error:keyint=60:ctu=16:pools=none:frame-threads=1",
}
"""Fast, small, and the same bytes every time: one thread."""


def render_frames(
    *, seconds: float = 75.0, size: tuple[int, int] = (456, 256), fps: int = 30, seed: int = 0
) -> Iterator[UInt8]:
    """Yield the clip's frames, (height, width, 3) uint8 RGB; the same arguments give the same frames.

    Args:
        seconds: Length of the clip.
        size: Width and height in pixels.
        fps: Frames a second.
        seed: Seed of the scene, the timing and the noise.
    """
    script = Script(seconds, fps, seed)
    lens = Lens(demo_intrinsics(*size), seed)
    scene = Scene(lens.canvas, seed)
    for index in range(round(seconds * fps)):
        now = script.at(index / fps)
        scene.paint(now)
        yield lens.expose(now.turning)


def render_demo(
    path: Path,
    *,
    seconds: float = 75.0,
    size: tuple[int, int] = (456, 256),
    fps: int = 30,
    seed: int = 0,
    crf: int = 24,
    progress: Callable[[float], None] = lambda _: None,
) -> None:
    """Write the clip to ``path``, and ``intrinsics.json`` and ``truth.json`` beside it.

    ``crf`` is x265's quality; ``progress`` is called with the seconds of video that are rendered.
    """
    import av

    with av.open(path, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=fps, options={**_X265, "crf": str(crf)})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.codec_tag = "hvc1"
        for index, rgb in enumerate(render_frames(seconds=seconds, size=size, fps=fps, seed=seed)):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(stream.encode(frame))
            progress((index + 1) / fps)
        container.mux(stream.encode())
    _write_json(path.with_name("intrinsics.json"), demo_intrinsics(*size).model_dump())
    away = Script(seconds, fps, seed).away
    spans = [] if away is None else [{"t_start_s": away[0], "t_end_s": away[1], "kind": "anomalous"}]
    _write_json(path.with_name("truth.json"), {path.stem: spans})


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
