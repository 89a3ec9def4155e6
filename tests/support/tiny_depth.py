"""Small depth models with random weights in the real formats: their depth is meaningless, their interface is real."""

from pathlib import Path
from typing import Any, Final

from models.packages import make_torchvision_importable

PATCH_PX: Final = 14


def save_tiny_depth(folder: Path, kind: str, *, licence: str = "apache-2.0", seed: int = 0, **settings: Any) -> Path:  # noqa: ANN401
    """Write a model of a kind of transformers with its processor and card, as ``save_pretrained`` does.

    Args:
        folder: Destination.
        kind: ``depth_anything``, ``depth_pro``, ``zoedepth``, ``dpt`` or ``glpn``.
        licence: As its card states it.
        seed: Of the weights.
        settings: Of its configuration, beyond the small sizes.
    """
    make_torchvision_importable()
    import torch
    import transformers

    from models.weights.loading import silent_transformers

    auto: Any = transformers.AutoModelForDepthEstimation
    configs: Any = transformers.AutoConfig
    with torch.random.fork_rng(), silent_transformers():
        torch.manual_seed(seed)
        config = configs.for_model(kind, **_SIZES[kind](), **settings)
        auto.from_config(config).save_pretrained(folder)
        _processor(kind).save_pretrained(folder)
    (folder / "README.md").write_text(f"---\nlicense: {licence}\ntags: [depth]\n---\n# A small depth model\n")
    return folder


def _processor(kind: str) -> Any:  # noqa: ANN401
    import transformers

    sizes: dict[str, Any] = {"height": 2 * PATCH_PX, "width": 2 * PATCH_PX}
    match kind:
        case "depth_pro":
            processor: Any = transformers.DepthProImageProcessor
            return processor(size={"height": 64, "width": 64})
        case "zoedepth":
            processor = transformers.ZoeDepthImageProcessor
            return processor(size={"height": 32, "width": 32}, ensure_multiple_of=16, keep_aspect_ratio=False)
        case "glpn":
            processor = transformers.GLPNImageProcessor
            return processor(size_divisor=32)
        case _:
            processor = transformers.DPTImageProcessor
            multiple = PATCH_PX if kind == "depth_anything" else 16
            size = sizes if kind == "depth_anything" else {"height": 32, "width": 32}
            return processor(size=size, ensure_multiple_of=multiple, keep_aspect_ratio=False)


def _vit(**settings: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32, **settings,
    }  # fmt: skip


def _dinov2() -> Any:  # noqa: ANN401
    import transformers

    config: Any = transformers.Dinov2Config
    return config(
        **_vit(mlp_ratio=2), image_size=2 * PATCH_PX, patch_size=PATCH_PX, out_indices=[1, 2, 3, 4],
        apply_layernorm=True, reshape_hidden_states=False,
    )  # fmt: skip


def _depth_anything() -> dict[str, Any]:
    return {
        "backbone_config": _dinov2(), "reassemble_hidden_size": 16, "neck_hidden_sizes": [8, 8, 8, 8],
        "fusion_hidden_size": 8, "head_hidden_size": 8, "patch_size": PATCH_PX,
    }  # fmt: skip


def _depth_pro() -> dict[str, Any]:
    encoder = {"model_type": "dinov2", "image_size": 16, "patch_size": 4, "hidden_size": 16, "num_hidden_layers": 2,
               "num_attention_heads": 2, "mlp_ratio": 2}  # fmt: skip
    return {
        "fusion_hidden_size": 8, "patch_size": 16, "intermediate_hook_ids": [1, 0], "intermediate_feature_dims": [8, 8],
        "scaled_images_ratios": [0.25, 0.5, 1.0], "scaled_images_overlap_ratios": [0.0, 0.5, 0.25],
        "scaled_images_feature_dims": [8, 8, 8], "merge_padding_value": 1, "image_model_config": encoder,
        "patch_model_config": encoder, "fov_model_config": encoder,
    }  # fmt: skip


def _beit() -> Any:  # noqa: ANN401
    import transformers

    config: Any = transformers.BeitConfig
    return config(
        **_vit(), image_size=32, patch_size=16, out_indices=[1, 2, 3, 4], reshape_hidden_states=False,
        use_relative_position_bias=True,
    )  # fmt: skip


def _zoedepth() -> dict[str, Any]:
    return {
        "backbone_config": _beit(), "backbone_hidden_size": 16, "reassemble_factors": [4, 2, 1, 0.5],
        "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "bottleneck_features": 8,
        "num_relative_features": 8, "bin_embedding_dim": 8, "num_patch_transformer_layers": 1,
        "patch_transformer_hidden_size": 16, "patch_transformer_intermediate_size": 16,
        "patch_transformer_num_attention_heads": 2,
    }  # fmt: skip


def _dpt() -> dict[str, Any]:
    return {
        **_vit(), "image_size": 32, "patch_size": 16, "backbone_out_indices": [0, 1, 2, 3], "is_hybrid": False,
        "neck_hidden_sizes": [8, 8, 8, 8], "fusion_hidden_size": 8, "reassemble_factors": [4, 2, 1, 0.5],
    }  # fmt: skip


def _glpn() -> dict[str, Any]:
    return {"hidden_sizes": [8, 8, 16, 16], "num_attention_heads": [1, 1, 2, 2], "depths": [1, 1, 1, 1],
            "decoder_hidden_size": 8}  # fmt: skip


_SIZES: Final = {
    "depth_anything": _depth_anything,
    "depth_pro": _depth_pro,
    "dpt": _dpt,
    "glpn": _glpn,
    "zoedepth": _zoedepth,
}
