"""The keyframes of a run that have left its keyframe cache, made again from the clip."""

import logging
import math
from collections.abc import Iterator
from typing import Final

from models.annotators.annotator import PRECEDING_FRAMES_MAX
from stream.config import Options
from stream.errors import EgocleanError, InputError, sentence_of
from stream.geometry.camera import RectifiedView
from stream.geometry.lenses.table import intrinsics_from
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import Keyframe
from stream.pipeline.stage import Pipeline, drive
from stream.records.schema.manifest import Manifest
from stream.records.store.keyframes import KeyframeCache, in_ms
from stream.sources.clip import Clip
from stream.sources.run_clip import ClipFinder
from stream.stages.decode import Decode
from stream.stages.rectify import Rectify
from stream.video.container import read_facts
from stream.video.packets import packets

_LOG: Final = logging.getLogger(__name__)


class SourceKeyframes:
    """Puts the missing keyframes of segments into the cache. Segments that come in order of time cost one decoding.

    The same libraries make the same bytes, which is checked by a segment's digest when its frames are read.
    """

    def __init__(self, manifest: Manifest, options: Options, cache: KeyframeCache, finder: ClipFinder) -> None:
        """``options`` are those with which the run made its keyframes."""
        self._manifest = manifest
        self._options = options
        self._cache = cache
        self._finder = finder
        self._coming: Iterator[Keyframe] | None = None
        self._next: Keyframe | None = None
        self._passed_ms = 0
        self._provided_until_ms: int | None = None
        """End of the segment that was provided last."""
        self._is_unreadable = False

    def lacks(self, segment: SegmentClosed) -> bool:
        """Whether keyframes of a segment have left the cache."""
        return self._cache.count(segment.t_start_s, segment.t_end_s) < segment.keyframes

    def require_clip(self) -> None:
        """Check that the clip can be read.

        Raises:
            InputError: it is not there, or has other bytes.
        """
        try:
            self._finder.find(self._manifest)
        except (InputError, OSError) as error:
            raise InputError(f"the keyframes of the segments are gone, and {sentence_of(error)}") from error

    def provide(self, segment: SegmentClosed, preceding_from_s: float | None = None) -> None:
        """Put the keyframes of a segment into the cache, if some are missing and the clip can be read.

        With them come those from before it, from ``preceding_from_s`` on.
        """
        start_ms, end_ms = in_ms(segment.t_start_s), in_ms(segment.t_end_s)
        lacks_preceding = preceding_from_s is not None and self._lacks_preceding(preceding_from_s, segment.t_start_s)
        self._provided_until_ms = end_ms
        if self._is_unreadable:
            return
        if preceding_from_s is not None and lacks_preceding:
            self._add(in_ms(preceding_from_s), end_ms if self.lacks(segment) else start_ms)
        elif self.lacks(segment):
            self._add(start_ms, end_ms)

    def _lacks_preceding(self, from_s: float, t_s: float) -> bool:
        """Whether keyframes from before a segment have left the cache.

        If the segment before it was provided last, they are those that there are: their times need not be regular.
        """
        expected = min(PRECEDING_FRAMES_MAX, math.floor((t_s - from_s) * self._options.keyframes.fps))
        return self._provided_until_ms != in_ms(t_s) and self._cache.count(from_s, t_s) < expected

    def _add(self, start_ms: int, end_ms: int) -> None:
        try:
            for keyframe in self._within(start_ms, end_ms):
                self._cache.add(keyframe.t_s, keyframe.jpeg)
        except (EgocleanError, OSError) as error:
            self._is_unreadable = True
            _LOG.warning("keyframes are gone, and cannot be made again: %s", sentence_of(error))

    def _within(self, start_ms: int, end_ms: int) -> Iterator[Keyframe]:
        if self._coming is None or self._passed_ms > start_ms:
            self._coming = self._keyframes(self._finder.find(self._manifest))
            self._next = next(self._coming, None)
        while self._next is not None and in_ms(self._next.t_s) < end_ms:
            if in_ms(self._next.t_s) >= start_ms:
                yield self._next
            self._next = next(self._coming, None)
        self._passed_ms = end_ms

    def _keyframes(self, clip: Clip) -> Iterator[Keyframe]:
        lens, pictures = self._options.lens, self._options.keyframes
        is_rectified = lens.rectify and self._manifest.intrinsics is not None
        rectify = Rectify(
            intrinsics_from(self._manifest.intrinsics or {}) if is_rectified else None,
            view=RectifiedView(lens.balance, lens.fov_scale, lens.new_camera),
            resize_mode=self._options.encoder.resize_mode,
            keyframe_px=pictures.px,
            keyframe_fps=pictures.fps,
            keyframes_only=True,
        )
        stages = Pipeline([Decode(clip.name, read_facts(clip)), rectify])
        return (item for item in drive(stages, packets(clip)) if isinstance(item, Keyframe))
