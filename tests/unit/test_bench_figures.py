"""From a run's own record to its price: the arithmetic of ``bench``."""

import io
from typing import Any

import pytest
from rich.console import Console

from models.encoders.vjepa2.cost import EncoderShape
from stream.bench import figures
from stream.bench.figures import FinishedRun
from stream.bench.tables import show

GIB = 1 << 30


def finished(**changes: Any) -> FinishedRun:  # noqa: ANN401 - any field of the last event
    """A minute of video in 25 s, of which 20 s were flow, with ViT-L on a GPU busy for 15 s, its process for 2."""
    processes: dict[str, dict[str, Any]] = {
        "detect": {"cpu_s": 0.1, "starting_cpu_s": 0.1, "busy_s": 0.0, "rss_bytes_max": GIB // 16, "items": 60},
        "encode": {
            "cpu_s": 10.0, "starting_cpu_s": 1.0, "busy_s": 2.0, "device_busy_s": 15.0, "rss_bytes_max": GIB,
            "items": 1800, "peak_vram_bytes": GIB,
        },
        "ingest": {"cpu_s": 4.0, "starting_cpu_s": 0.4, "busy_s": 4.0, "rss_bytes_max": GIB // 8, "items": 1800},
    }  # fmt: skip
    usage = {"wall_s": 25.0, "starting_s": 4.0, "flowing_s": 20.0, "processes": processes}
    encoder = {"model": "vitl", "frames": 64, "device": "A card", "dtype": "float16", "weights_sha256": "0" * 64}
    last = {"decoded_s": 60.0, "frames": 1800, "windows": 58, **changes}
    return FinishedRun({"usage": usage, "encoder": encoder}, last)


def test_price_of_a_video_hour() -> None:
    """A chain at 3 x real time on a machine of 0.30 dollars an hour makes a video hour for 0.10."""
    row = figures.chain(finished(), 0.30)
    assert (row["x_real_time"], row["x_real_time_flowing"]) == (2.4, 3.0)
    assert row["dollars_per_video_hour_flowing"] == pytest.approx(0.10)
    assert row["dollars_per_video_hour"] == pytest.approx(0.125)
    assert (row["frames_per_s"], row["frames_per_s_flowing"]) == (72.0, 90.0)


def test_stage_is_as_fast_as_its_own_work() -> None:
    """A stage that worked 4 s on a minute of video could do 15 x real time, regardless of its waits."""
    rows = figures.stages(finished())
    assert list(rows) == ["ingest", "encode", "detect"]
    assert (rows["ingest"]["x_real_time"], rows["ingest"]["frames_per_s"]) == (15.0, 450.0)
    assert (rows["ingest"]["cpu_ms_per_frame"], rows["encode"]["busy_share"]) == (2.0, 0.75)
    assert (rows["encode"]["peak_vram_bytes"], rows["ingest"]["peak_vram_bytes"]) == (GIB, None)


def test_share_of_the_ceiling() -> None:
    """58 windows of 11.57 TFLOP in 15 s are 44.7 TFLOP/s: of a ceiling of 71 that is 63 %, and 47 % over the flow."""
    row = figures.utilisation(finished(), EncoderShape().flop(64), 71e12)
    assert row["device_busy_s"] == 15.0
    assert row["window_tflop"] == pytest.approx(11.57, abs=0.005)
    assert row["mfu_while_encoding"] == pytest.approx(0.63, abs=0.001)
    assert row["mfu_of_the_chain"] == pytest.approx(row["mfu_while_encoding"] * 0.75, abs=1e-4)


def test_small_figures_keep_their_digits() -> None:
    """Of a small model on a slow device the figures are small, and not zero."""
    row = figures.utilisation(finished(), EncoderShape(dims=64, layers=1, encoder_px=64).flop(64), 1.234567e9)
    assert row["window_tflop"] == 0.0002181
    assert row["ceiling_tflop_s"] == 0.001235


def test_utilisation_above_one_gives_the_bound() -> None:
    """A GPU is never projected to do more than all that it can: a measured share above 1 gives the bound."""
    impossible = figures.projection(finished(), 0.20, 1.0, 2.93)
    assert impossible == figures.projection(finished(), 0.20, 1.0, None)
    assert (impossible["window_ms"], impossible["is_bound"]) == (163.0, True)


def test_projection_is_bound_by_the_slower_part() -> None:
    """With half of the card's peak the GPU does 3.1 x; with all of it 6.1; where windows are rare the CPU is slower."""
    half = figures.projection(finished(), 0.20, 1.0, 0.5)
    assert (half["x_real_time"], half["bound_by"], half["is_bound"]) == (3.07, "the GPU", False)
    assert half["dollars_per_video_hour"] == pytest.approx(0.20 / 3.07, abs=1e-4)
    best = figures.projection(finished(), 0.20, 1.0, None)
    assert (best["window_ms"], best["x_real_time"], best["is_bound"]) == (163.0, 6.14, True)
    sparse = figures.projection(finished(), 0.20, 8.0, None)
    assert (sparse["x_real_time"], sparse["bound_by"]) == (15.0, "decoding and rectifying on the CPU")


def test_annotation_cost_is_listed_if_there_was_any() -> None:
    """Tokens a second follow from what ``run.finished`` says; without an annotator there is nothing to say."""
    assert figures.annotation(finished()) is None
    assert figures.annotation(finished(annotation={"tokens_out": 0, "seconds": 0.0})) is None
    usage = {"tokens_in": 900, "tokens_out": 300, "seconds": 6.0, "dollars": 0.01}
    assert figures.annotation(finished(annotation=usage)) == {**usage, "tokens_out_per_s": 50.0}
    assert figures.annotation(finished(annotation={"dollars": 0.1})) == {"dollars": 0.1, "tokens_out_per_s": None}


def test_table_separates_measured_and_projected_figures() -> None:
    """Every figure of a GPU run is on the page, and the projection calls itself one."""
    run = finished(annotation={"tokens_out": 300, "seconds": 6.0})
    measured = {
        "machine": {"cpu": "Some CPU", "cores": 8, "gpu": {"name": "A card"}},
        "clip": {"name": "clip", "codec": "hevc", "width_px": 456, "height_px": 256},
        "decoder": {"name": "nvdec", "reason": "its first picture is the CPU's"},
        "encoder": run.manifest["encoder"],
        "chain": figures.chain(run, 0.20),
        "stages": figures.stages(run),
        "gpu": {"busy_share": 0.71, "memory_used_bytes_max": 2 * GIB, "energy_j": 4200.0},
        "utilisation": figures.utilisation(run, EncoderShape().flop(64), 71e12),
        "annotation": figures.annotation(run),
        "projection": figures.projection(run, 0.20, 1.0, 0.63),
    }
    console = Console(width=300, record=True, file=io.StringIO())
    show(measured, console)
    text = console.export_text()
    expected = (
        "nvdec: its first picture",
        "Some CPU, 8 cores, A card",
        "3.00 x on a long clip",
        "$0.0667 per video hour",
        "63.0% while encoding",
        "busy 71% of the time without start-up, 2048 MiB in use, 4.20 kJ without start-up",
        "$0.0833 on this one",
        "tokens_out_per_s 50.0",
        "PROJECTION  RTX 3090",
        "calculated, not measured: 63% of the 71 TFLOP/s of the GPU",
    )
    assert [words for words in expected if words not in text] == []
