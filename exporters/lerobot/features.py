"""The features of a LeRobot data set: the columns of its frames, and its one video.

Source: ``DatasetInfo`` and ``DEFAULT_FEATURES`` of huggingface/lerobot, ``src/lerobot/datasets/`` (0.4.4 and 0.6.1).
"""

from typing import Any, Final

from exporters.dataset.data_set import DataSet

CAMERA: Final = "observation.images.ego"
"""Key of the video."""
EPISODES_PER_CHUNK: Final = 1000
"""Files in one folder; LeRobot's ``chunks_size``."""
FRAME_COLUMNS: Final = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
FRAMES: Final = {"default": {"train": "data/*/*.parquet"}}
"""What ``datasets`` loads, and the hub shows."""
PROVENANCE: Final = "meta/provenance.json"
_CODECS: Final = {"h264": "h264", "hevc": "hevc", "av1": "av1"}


def features_of(data_set: DataSet, extra: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The ``features`` of ``info.json``. There is no action and no state: nothing measured them."""
    width, height = data_set.size_px()
    header = data_set.header
    video = {
        "dtype": "video",
        "shape": [height, width, 3],
        "names": ["height", "width", "channels"],
        "info": {
            "video.height": height,
            "video.width": width,
            "video.codec": _CODECS[header.codec],
            "video.pix_fmt": "yuv420p",
            "video.fps": header.fps,
            "video.channels": 3,
            "is_depth_map": False,
            "has_audio": False,
            "video.g": header.gop,
            "video.crf": header.crf,
        },
    }
    columns = {name: {"dtype": dtype, "shape": [1], "names": None} for name, dtype in FRAME_COLUMNS.items()}
    return {CAMERA: video, **columns, **extra}
