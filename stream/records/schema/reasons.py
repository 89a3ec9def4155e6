"""Why a segment was skipped or has failed: reasons of ``segment.skipped`` and ``segment.failed``."""

from typing import Final

NO_ANNOTATOR: Final = "annotator: none"
ONLY_ANOMALOUS: Final = "only anomalous segments are described"
SAME_AS: Final = "same_as"
NO_KEYFRAMES: Final = "it has no keyframe"
SEVERAL_SIZES: Final = "its keyframes are of several sizes"
SPOOL_FULL: Final = "the keyframe spool is full"

NO_RESPONSE: Final = "the annotator gave no answer"
