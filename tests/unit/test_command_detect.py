"""``detect``: embeddings from anywhere in, a JSON array out, and never a wrong answer to bad input."""

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from stream.commands.detect import detect
from stream.config import OPTIONS
from stream.detection.centroid import unit_rows
from stream.errors import EgocleanError, InputError, UsageError
from stream.pipeline.items import Float32, Float64

CLIP_1 = Path(__file__).parents[2].parent / "shared" / "published" / "egoclean_clip1.npz"
"""Unit vectors whose Gram matrix was read off the figure that EgoClean (calicartels/EgoClean on GitHub) published of
its first clip."""
FIELDS = ["t_start_s", "t_end_s", "kind", "score_mean", "score_max", "theta_on", "theta_off"]


def clip() -> Float32:
    """(130, 4, 2) embeddings: other work from window 60 to window 80."""
    vectors = np.random.default_rng(0).normal(0, 0.1, (130, 8))
    vectors[:, 0] += 1
    vectors[60:80, :2] += [-1, 1]
    return np.array(list(unit_rows(vectors)), dtype=np.float32).reshape(130, 4, 2)


def run(*arguments: str | Path) -> list[dict[str, Any]]:
    result = CliRunner().invoke(detect, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    report: list[dict[str, Any]] = json.loads(result.stdout)
    return report


def saved(path: Path, array: np.ndarray[Any, np.dtype[Any]]) -> Path:
    np.save(path, array)
    return path


def test_prints_what_was_found_causally(tmp_path: Path) -> None:
    """One object for the one anomaly, with every field, its edges and when it was known."""
    (anomaly,) = run(saved(tmp_path / "emb.npy", clip()))
    assert list(anomaly) == [*FIELDS, "detected_at_s"]
    assert (anomaly["t_start_s"], anomaly["t_end_s"], anomaly["kind"]) == (60.0, 80.0, "anomalous")
    assert 62 <= anomaly["detected_at_s"] <= 66
    assert anomaly["theta_off"] < anomaly["theta_on"] < anomaly["score_mean"] <= anomaly["score_max"]


def test_prints_what_was_found_offline(tmp_path: Path) -> None:
    """The offline mode gives the same fields but the time of detection, which it has none of."""
    (anomaly,) = run(saved(tmp_path / "emb.npy", clip()), "--mode", "offline")
    assert list(anomaly) == FIELDS
    assert 60 <= anomaly["t_start_s"] < 80 <= anomaly["t_end_s"]


@pytest.mark.parametrize("shape", [(130, 8), (130, 4, 2)])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_shape_and_precision_do_not_matter(tmp_path: Path, shape: tuple[int, ...], dtype: type[np.floating]) -> None:
    """(N, D) and (N, T, D), in any floating-point type, give the same edges."""
    (anomaly,) = run(saved(tmp_path / "emb.npy", clip().reshape(shape).astype(dtype)))
    assert (anomaly["t_start_s"], anomaly["t_end_s"]) == (60.0, 80.0)


def test_times_come_from_the_option_before_the_npz_before_the_count(tmp_path: Path) -> None:
    """`--ts` wins over `timestamps_s`, which wins over one second a window."""
    inside, beside = 100 + np.arange(130.0), saved(tmp_path / "ts.npy", 2 * np.arange(130.0))
    np.savez(tmp_path / "both.npz", embeddings=clip(), timestamps_s=inside)
    np.savez(tmp_path / "plain.npz", embeddings=clip())
    starts_s = [
        run(tmp_path / name, *extra)[0]["t_start_s"]
        for name, extra in [
            ("plain.npz", ()),
            ("both.npz", ()),
            ("both.npz", ("--ts", beside)),
            ("plain.npz", ("--ts", tmp_path / "both.npz")),
        ]
    ]
    assert starts_s == [60.0, 160.0, 120.0, 160.0]


def test_every_detector_option_is_an_option_of_the_command() -> None:
    """The options exist once, in the model: the command has each of them with its default and meaning."""
    options = {parameter.opts[0]: parameter for parameter in detect.params}
    for option in (each for path, each in OPTIONS.items() if path.startswith("detector.")):
        assert options[option.flag].default == option.field.default
        assert options[option.flag].to_info_dict()["help"] == option.extra["help"]


def test_detector_options_reach_the_detector(tmp_path: Path) -> None:
    """A floor beyond reach finds nothing, and a value out of bounds is refused."""
    path = saved(tmp_path / "emb.npy", clip())
    assert run(path, "--detector-floor-mads", "1000") == []
    with pytest.raises(UsageError, match="--detector-alpha 7: must be above 0 and at most 1"):
        run(path, "--detector-alpha", "7")


@pytest.mark.parametrize(("windows", "mode"), [(20, "causal"), (1, "causal"), (1, "offline")])
def test_too_few_windows_find_nothing(tmp_path: Path, windows: int, mode: str) -> None:
    """Fewer windows than the warm-up, or only one, give an empty array."""
    assert run(saved(tmp_path / "emb.npy", clip()[:windows]), "--mode", mode) == []


def test_a_clip_within_the_warm_up_is_reported(tmp_path: Path) -> None:
    """The note goes to stderr: stdout is JSON and nothing else."""
    path = saved(tmp_path / "emb.npy", clip()[:20])
    result = CliRunner().invoke(detect, [str(path)])
    assert (result.stdout, result.stderr.count("warm-up of 30 s")) == ("[]\n", 1)


def bad_row(value: float) -> Float32:
    embeddings = clip()
    embeddings[70] = value
    return embeddings


def time_at(index: int, value: float) -> Float64:
    times_s = np.arange(130.0)
    times_s[index] = value
    return times_s


@pytest.mark.parametrize("mode", ["causal", "offline"])
@pytest.mark.parametrize(
    ("embeddings", "times_s", "message"),
    [
        (bad_row(np.nan), None, "embedding 70 of 130 is zero or not finite"),
        (bad_row(np.inf), None, "embedding 70 of 130 is zero or not finite"),
        (bad_row(0.0), None, "embedding 70 of 130 is zero or not finite"),
        (np.ones(5), None, r"float64 of shape \(5,\), expected floating-point numbers of shape \(N, D\)"),
        (np.ones((2, 2, 2, 2)), None, r"shape \(2, 2, 2, 2\)"),
        (np.ones((0, 8)), None, r"shape \(0, 8\)"),
        (np.ones((9, 8), dtype=np.int64), None, "int64"),
        (np.full((9, 8), "a"), None, "<U1"),
        (clip(), np.arange(129.0), r"shape \(129,\), expected one number for each of 130 windows"),
        (clip(), np.zeros((130, 1)), r"shape \(130, 1\)"),
        (clip(), time_at(50, 48.5), "time 50 in .* is 48.5 s, expected one after the time before it"),
        (clip(), time_at(50, 49.0), "time 50"),
        (clip(), time_at(0, np.nan), "time 0"),
        (clip(), time_at(129, np.inf), "time 129"),
    ],
)
def test_bad_input_is_an_error_that_names_it(
    tmp_path: Path, mode: str, embeddings: np.ndarray[Any, Any], times_s: Float64 | None, message: str
) -> None:
    """Values, shapes, types and times that make no sense are refused, never answered."""
    extra = () if times_s is None else ("--ts", saved(tmp_path / "ts.npy", times_s))
    with pytest.raises(InputError, match=message):
        run(saved(tmp_path / "emb.npy", embeddings), "--mode", mode, *extra)


def test_unreadable_files_are_an_error(tmp_path: Path) -> None:
    """Missing files, folders, text, cut files, pickles and archives without embeddings are refused."""
    whole = saved(tmp_path / "whole.npy", clip()).read_bytes()
    (tmp_path / "cut.npy").write_bytes(whole[:300])
    (tmp_path / "empty.npy").write_bytes(b"")
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "pickle.npy", np.array([{"a": 1}]), allow_pickle=True)
    np.savez(tmp_path / "other.npz", a=np.ones(3), b=np.ones(3))
    np.savez(tmp_path / "pickle.npz", embeddings=np.array([{"a": 1}]), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "zip.npz", "w") as archive:
        archive.writestr("embeddings", "no array")
    for name in [
        "missing.npy",
        "",
        "cut.npy",
        "empty.npy",
        "text.npy",
        "pickle.npy",
        "other.npz",
        "pickle.npz",
        "zip.npz",
    ]:
        with pytest.raises(
            EgocleanError, match=r"cannot be read|is not a whole NPY|holds a, b, expected|holds no array, expected"
        ) as caught:
            run(tmp_path / name)
        assert caught.value.exit_code == 3


@pytest.mark.skipif(not CLIP_1.exists(), reason="the published curves are not on this machine")
def test_both_modes_on_the_published_clip() -> None:
    """Both events in both modes, and nothing else."""
    for mode in ("causal", "offline"):
        first, second = run(CLIP_1, "--mode", mode)
        assert first["t_start_s"] == pytest.approx(208.5, abs=1)
        assert second["t_start_s"] == pytest.approx(416.5, abs=1)
