"""Writes the files of an episode whose frames are all there."""

import json

from stream.alignment.episodes.hdf5_output import AlignedPictures, write_from_source, write_new
from stream.alignment.episodes.output import EpisodeOutput
from stream.alignment.episodes.picture_output import write_pictures
from stream.alignment.episodes.source import EpisodeSource
from stream.alignment.episodes.spool import Spool
from stream.alignment.record import AlignmentWork, FrameTotals, alignment_record
from stream.records.schema.alignment import AlignmentRecord
from stream.records.store.atomic import replace_file, replaced_when_whole


def write_episode(
    output: EpisodeOutput, source: EpisodeSource, work: AlignmentWork, spool: Spool, totals: FrameTotals
) -> AlignmentRecord:
    """Write the pictures, the records of the frames, and at last the record of the episode, which is returned.

    Raises:
        OSError: the disk is full, or fails.
    """
    unit = next((facts["unit"] for facts in spool.facts() if facts["unit"]), None)
    record = alignment_record(work, totals, unit, output.pictures.name)
    dropped = frozenset(record.dropped_frames)
    kept = (frame for frame in spool.frames() if frame.facts["frame"]["index"] not in dropped)
    if work.options.save_h5:
        numbers = [index for index in range(totals.frames) if index not in dropped]
        camera, is_raw = work.cameras[1], source.coding.storage == "raw"
        key = work.options.image_key
        pictures = AlignedPictures(key, kept, numbers, camera.width_px, camera.height_px, is_raw)
        text = record.model_dump_json(ensure_ascii=True)
        if work.source.kind == "hdf5":
            write_from_source(output.pictures, source.path, pictures, text)
        else:
            write_new(output.pictures, pictures, text)
    else:
        write_pictures(output.pictures, kept)
    _write_frame_records(output, spool)
    replace_file(output.record, (record.model_dump_json(indent=1, ensure_ascii=True) + "\n").encode())
    return record


def _write_frame_records(output: EpisodeOutput, spool: Spool) -> None:
    with replaced_when_whole(output.frame_records) as part, part.open("w", encoding="utf-8") as lines:
        for facts in spool.facts():
            lines.write(json.dumps(facts["frame"]) + "\n")
