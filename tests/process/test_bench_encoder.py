"""The encoder's benchmark: both ways agree, and the memory over many windows is printed."""

from pathlib import Path

import pytest

from tests.support.tiny_models import TINY_FRAMES, save_tiny_vjepa2
from tests.tools import bench_encoder as encoder
from tests.tools.memory import growth


def test_memory_figures_need_many_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first part of the windows and at the end; of few windows there is nothing to tell."""
    monkeypatch.setattr(encoder, "_SETTLED_AFTER", 3)
    monkeypatch.setattr(encoder, "_SIZE", (320, 292))
    monkeypatch.setattr(encoder, "PLAIN_MAX", 2)
    folder = save_tiny_vjepa2(tmp_path)
    row = encoder.measure(folder, TINY_FRAMES, 6, None)
    assert row["cosine_min"] > 0.99
    assert row["memory_from_window"] == 3
    assert "->" in row["rss_mib"]
    assert row["what"].endswith("medians of 2 and 6, the first left out")
    assert "memory_from_window" not in encoder.measure(folder, TINY_FRAMES, 3, None)


def test_growth_is_printed_beside_both_values() -> None:
    """What is not held at all cannot grow by a share, and is left out."""
    text = growth({"rss": 100 << 20, "torch_reserved": 0}, {"rss": 103 << 20, "torch_reserved": 0})
    assert text == {"rss_mib": "100.0 -> 103.0 (+3.00%)"}
