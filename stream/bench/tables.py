"""The figures as a table and lines of text."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stream.bench.figures import Figures

_MIB = 1 << 20


def show(measured: Figures, console: Console) -> None:
    """Print a table of the processes, and below it one line for each other figure."""
    console.print(_stages(measured, ruled=console.is_terminal))
    for line in _lines(measured):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _stages(measured: Figures, *, ruled: bool) -> Table:
    table = Table(box=SIMPLE_HEAD if ruled else None, pad_edge=False, padding=(0, 0 if ruled else 2, 0, 0))
    table.add_column("process")
    for title in ("frames/s", "x real time", "busy", "CPU ms/frame", "RSS MiB", "VRAM MiB"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, stage in measured["stages"].items():
        vram = stage["peak_vram_bytes"]
        table.add_row(
            name,
            f"{stage['frames_per_s']:.0f}",
            f"{stage['x_real_time']:.1f}",
            f"{stage['busy_share']:.0%}",
            f"{stage['cpu_ms_per_frame']:.2f}",
            f"{stage['rss_bytes_max'] / _MIB:.0f}",
            "-" if vram is None else f"{vram / _MIB:.0f}",
        )
    return table


def _lines(measured: Figures) -> Iterator[str]:
    chain, clip, machine = measured["chain"], measured["clip"], measured["machine"]
    encoder = measured["encoder"]
    card = machine["gpu"]["name"] if machine["gpu"] else "no GPU"
    size = f"{clip['width_px']}x{clip['height_px']}"
    yield ""
    yield f"machine     {machine['cpu']}, {machine['cores']} cores, {card}"
    yield f"clip        {clip['name']}: {clip['codec']} {size}, {chain['video_s']:.1f} s"
    yield f"decoder     {measured['decoder']['name']}: {measured['decoder']['reason']}"
    yield f"encoder     {encoder['model']} on {encoder['device']}, {chain['windows']} windows"
    yield (
        f"chain       {chain['x_real_time']:.2f} x real time: {chain['wall_s']:.1f} s, of which "
        f"{chain['flowing_s']:.1f} s without start-up; {chain['x_real_time_flowing']:.2f} x on a long clip"
    )
    yield (
        f"cost        ${chain['dollars_per_video_hour_flowing']:.4f} per video hour on a long clip, "
        f"${chain['dollars_per_video_hour']:.4f} on this one including start-up, "
        f"at ${chain['price_per_hour']:.2f} per hour of this machine{_without_weights(encoder)}"
    )
    if use := measured["utilisation"]:
        yield (
            f"efficiency  {use['window_tflop']:.3g} TFLOP per window, {use['mfu_while_encoding']:.1%} while encoding "
            f"and {use['mfu_of_the_chain']:.1%} overall, of the {use['ceiling_tflop_s']:.3g} TFLOP/s that "
            f"this device reaches in {use['dtype']}"
        )
    if gpu := measured["gpu"]:
        yield f"gpu         {', '.join(_gpu_figures(gpu))}"
    if figures := measured["annotation"]:
        yield f"annotator   {', '.join(f'{key} {value}' for key, value in figures.items())}"
    if baseline := measured.get("baseline"):
        yield from _comparison(measured, baseline)
    yield from _projection(measured["projection"])


def _without_weights(encoder: Figures) -> str:
    """A note that this is not the price of learned embeddings, which need a GPU."""
    return f", with the encoder {encoder['model']}" if encoder["weights_sha256"].startswith("none") else ""


def _gpu_figures(gpu: Figures) -> Iterator[str]:
    """The figures that the GPU reports."""
    if (busy := gpu["busy_share"]) is not None:
        yield f"busy {busy:.0%} of the time without start-up"
    if (used := gpu["memory_used_bytes_max"]) is not None:
        yield f"{used / _MIB:.0f} MiB in use"
    if (energy_j := gpu["energy_j"]) is not None:
        yield f"{energy_j / 1000:.2f} kJ without start-up"


def _comparison(measured: Figures, baseline: Figures) -> Iterator[str]:
    ratio = measured["ratio"]
    yield (
        f"baseline    {baseline['flowing_s']:.1f} s for {baseline['windows']} windows, sequentially: "
        f"{ratio['baseline_to_chain']:.2f} x the time of the chain, "
        f"{ratio['baseline_cpu_to_chain_cpu']:.2f} x its CPU time"
    )
    yield f"agreement   smallest cosine of the two embeddings of a window: {measured['cosine_min']}"


def _projection(projected: Figures) -> Iterator[str]:
    at_best = "at best " if projected["is_bound"] else ""
    share = "all" if projected["is_bound"] else f"{projected['mfu']:.0%}"
    yield (
        f"PROJECTION  {projected['card']}, {projected['model']}: {at_best}{projected['x_real_time']:.1f} x real time, "
        f"${projected['dollars_per_video_hour']:.4f} per video hour, limited by {projected['bound_by']}"
    )
    yield (
        f"            calculated, not measured: {share} of the 71 TFLOP/s of the GPU, "
        f"{projected['window_ms']:.0f} ms per window, {projected['gpu_x_real_time']:.1f} x; "
        f"the CPU as measured here, {projected['cpu_x_real_time']:.1f} x"
    )
