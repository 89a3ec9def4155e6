"""The stage that writes every finished frame to the spool, with its record."""

from collections.abc import Iterable
from hashlib import sha256
from typing import ClassVar

import numpy as np

from stream.alignment.episodes.coding import PictureCoding, as_png
from stream.alignment.episodes.spool import Spool, SpooledFrame
from stream.alignment.fill.frames import Origin
from stream.alignment.items import AlignedFrame
from stream.pipeline.items import Item
from stream.pipeline.stage import Stage
from stream.records.schema.alignment import AlignedFrameRecord


class SpoolFrames(Stage):
    """Ends the chain of an episode; frames that the spool has already are skipped."""

    name: ClassVar[str] = "spool"

    def __init__(self, spool: Spool, coding: PictureCoding, lost_share_max: float) -> None:
        """A frame that loses more than ``lost_share_max`` of its protected pixels is flagged."""
        self._spool = spool
        self._coding = coding
        self._lost_share_max = lost_share_max

    def on_item(self, item: Item) -> Iterable[Item]:
        if not isinstance(item, AlignedFrame):
            return (item,)
        source = item.before.before.source
        if source.index < self._spool.count:
            return ()
        picture = self._coding.encoded(item.picture)
        record = self._record(item, picture)
        depth = item.before.before.depth
        facts = {
            "frame": record.model_dump(mode="json"),
            "unit": depth.unit if depth is not None else None,
        }
        self._spool.add(SpooledFrame(facts, picture, as_png(item.origin)))
        return (item,)

    def _record(self, item: AlignedFrame, picture: bytes) -> AlignedFrameRecord:
        before, protected = item.before.before, item.before.protected
        is_aligned = item.before.warped is not None
        real, borrowed, generated = (_share(item, origin) for origin in Origin)
        return AlignedFrameRecord(
            index=before.source.index,
            t_s=before.source.t_s,
            status="aligned" if is_aligned else "failed",
            problem=before.problem,
            source_sha256=before.source.sha256,
            picture_sha256=sha256(picture).hexdigest(),
            real_share=real,
            borrowed_share=borrowed,
            generated_share=generated,
            borrowed_from=list(item.borrowed_from),
            depth_valid_share=float(np.mean(before.depth.is_valid)) if before.depth is not None else None,
            depth_scale=before.scale,
            protected_px=protected.seen if protected else None,
            protected_lost_share=protected.lost_share if protected and protected.seen else None,
            is_flagged=protected is not None and protected.lost_share > self._lost_share_max,
        )


def _share(item: AlignedFrame, origin: Origin) -> float:
    return float(np.count_nonzero(item.origin == origin) / item.origin.size)
