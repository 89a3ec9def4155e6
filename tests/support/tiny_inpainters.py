"""Small inpainters in the real formats: what they paint is meaningless, their interface is real."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from models.packages import make_torchvision_importable
from tests.support.random_qwen import tiny_tokenizer

GREY: Final = 77
"""What the small LaMa paints holes with."""


def save_tiny_lama(file: Path, size: tuple[int, int] | None, *, mask: str = "mask") -> None:
    """A graph with LaMa's inputs and output: the picture times 255, and grey in holes."""
    import onnx
    from onnx import TensorProto as Type
    from onnx import helper, numpy_helper

    height, width = size or ("h", "w")
    constants = {
        "full": np.array(255, np.float32),
        "grey": np.array(GREY, np.float32),
        "half": np.array(0.5, np.float32),
    }
    graph = helper.make_graph(
        [
            helper.make_node("Mul", ["image", "full"], ["bright"]),
            helper.make_node("Greater", [mask, "half"], ["is_hole"]),
            helper.make_node("Where", ["is_hole", "grey", "bright"], ["output"]),
        ],
        "lama",
        [
            helper.make_tensor_value_info("image", Type.FLOAT, [1, 3, height, width]),
            helper.make_tensor_value_info(mask, Type.FLOAT, [1, 1, height, width]),
        ],
        [helper.make_tensor_value_info("output", Type.FLOAT, [1, 3, height, width])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10), file)


def save_tiny_diffusion(folder: Path) -> Path:
    """Write a Stable Diffusion inpainting pipeline of some 100,000 random weights with its card."""
    make_torchvision_importable()
    import diffusers
    import torch
    import transformers

    tokenizer: Any = tiny_tokenizer()
    tokenizer.model_max_length = 16
    text: Any = transformers.CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=16, projection_dim=16, bos_token_id=0, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pipeline = diffusers.StableDiffusionInpaintPipeline(
            vae=diffusers.AutoencoderKL(
                block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
                up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4,
            ),
            text_encoder=transformers.CLIPTextModel(text),
            tokenizer=tokenizer,
            unet=diffusers.UNet2DConditionModel(
                sample_size=16, in_channels=9, out_channels=4, block_out_channels=(8, 16), layers_per_block=1,
                down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), cross_attention_dim=16, norm_num_groups=4,
                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=2,
            ),
            scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )  # fmt: skip
    pipeline.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder
