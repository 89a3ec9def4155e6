"""Small random Qwen2.5-VL and Qwen3-VL checkpoints in the real format, for tests and benchmarks without the real ones.

They see and say nothing of sense. What they say hangs on what they are shown all the same, and they are brief: their
weights lean towards long tokens and towards those that end a string, a list or an object.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from models.annotators.response.schema import FORM
from models.packages import make_torchvision_importable

Family: TypeAlias = Literal["qwen2_5_vl", "qwen3_vl"]
FAMILIES: Final[tuple[Family, ...]] = ("qwen2_5_vl", "qwen3_vl")

MARKS: Final = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TEMPLATE: Final = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% for c in m['content'] %}{% if c['type'] == 'video' %}"
    "<|vision_start|><|video_pad|><|vision_end|>{% elif c['type'] == 'image' %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The part of Qwen's chat template that pictures, a video and texts use."""
EXAMPLE: Final = (
    '{"request":"0123456789ab","box_space":[1000,1000],"actions":[{"start_s":0.0,"end_s":4.1,"hands":'
    '"the right hand turns","active":true,"ecot":{"scene":"a bench with tools","subtask":'
    '"tighten the screw","motion":"right hand turns",'
    '"prediction":"places the part"},"objects":[{"object_name":"screwdriver","bbox_2d":[10,20,300,45],"rigid":true}]},'
    '{"start_s":4.1,"end_s":6.0,"hands":"both hands rest","active":false,"ecot":null,"objects":[]}]}'
)
HIDDEN: Final = 32
_STEADY: Final = 30.0
"""The first number of every token's embedding, which no layer changes, so that a bias can be built on it."""


def tiny_tokenizer(tokens: int = 900) -> Any:  # noqa: ANN401  (transformers types its tokenizers loosely)
    """A byte-level tokenizer of Qwen's kind: all 256 bytes, merges for the prompt and its answer, and Qwen's marks."""
    make_torchvision_importable()
    import transformers
    from tokenizers import ByteLevelBPETokenizer

    prompt = (files("models.annotators") / "prompts" / f"{FORM}.md").read_text(encoding="utf-8")
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator([prompt, EXAMPLE], vocab_size=tokens, min_frequency=1, show_progress=False)
    model = json.loads(trained.to_str())["model"]
    qwen2: Any = transformers.Qwen2Tokenizer  # transformers leaves much untyped, here and below
    tokenizer = qwen2(
        vocab=model["vocab"],
        merges=[tuple(merge) for merge in model["merges"]],
        pad_token=MARKS[0],
        eos_token=MARKS[2],
    )
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS)})
    return tokenizer


def save_tiny_qwen(folder: Path, family: Family, *, seed: int = 1) -> Path:
    """Write a model of some 100,000 random weights with its processor, as ``save_pretrained`` does."""
    tokenizer = tiny_tokenizer()
    import torch
    import transformers

    from models.weights.loading import silent_transformers

    auto: Any = transformers.AutoModelForImageTextToText
    config = transformers.AutoConfig.for_model(family, **_sizes(family, tokenizer))
    with torch.random.fork_rng(), silent_transformers():
        torch.manual_seed(seed)
        model = auto.from_config(config)
        _lean(model, tokenizer)
        model.generation_config.update(**_generation(tokenizer))
        model.save_pretrained(folder)
        _processor(family, tokenizer).save_pretrained(folder)
    return folder


def make_processor(family: Family) -> Any:  # noqa: ANN401
    """The processor of such a model alone."""
    return _processor(family, tiny_tokenizer())


def _lean(model: Any, tokenizer: Any) -> None:  # noqa: ANN401
    """Lean towards long tokens and those that end something."""
    import torch

    words = [str(token) for token in tokenizer.convert_ids_to_tokens(range(len(tokenizer)))]
    leaning = torch.tensor([0.3 * len(word) + 8 * (word[0] in '"]}') for word in words])
    with torch.no_grad():
        for layer in model.model.language_model.layers:
            layer.self_attn.o_proj.weight[0] = 0
            layer.mlp.down_proj.weight[0] = 0
        model.get_input_embeddings().weight[:, 0] = _STEADY
        model.get_output_embeddings().weight[: len(words), 0] = leaning


def _sizes(family: Family, tokenizer: Any) -> dict[str, Any]:  # noqa: ANN401
    text = {
        "model_type": f"{family}_text",
        "vocab_size": len(tokenizer) + 20,  # as in the published checkpoints, there are more logits than tokens
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "initializer_range": 0.5,  # so that what is seen makes a difference to what is said
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 1, 1]},
    }
    vision = {"model_type": f"{family}_vision", "depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2}
    vision |= {"out_hidden_size": HIDDEN, "initializer_range": 0.5}
    match family:
        case "qwen2_5_vl":
            vision |= {"fullatt_block_indexes": [1], "tokens_per_second": 2}
        case "qwen3_vl":
            text |= {"head_dim": 8}
            vision |= {"deepstack_visual_indexes": [0], "num_position_embeddings": 64}
    marks = {
        f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>")
        for name, mark in (
            ("image", "image_pad"),
            ("video", "video_pad"),
            ("vision_start", "vision_start"),
            ("vision_end", "vision_end"),
        )
    }
    return {"text_config": text, "vision_config": vision, **marks}


def _generation(tokenizer: Any) -> dict[str, Any]:  # noqa: ANN401
    """As published: two marks end an answer, sampling is on, and what was said before is penalised."""
    return {
        "eos_token_id": [tokenizer.eos_token_id, tokenizer.pad_token_id],
        "pad_token_id": tokenizer.pad_token_id,
        "do_sample": True,
        "temperature": 0.7,
        "top_k": 20,
        "top_p": 0.8,
        "repetition_penalty": 1.05,
    }


def _processor(family: Family, tokenizer: Any) -> Any:  # noqa: ANN401
    import transformers

    t: Any = transformers
    match family:
        case "qwen2_5_vl":
            return t.Qwen2_5_VLProcessor(t.Qwen2VLImageProcessor(), tokenizer, t.Qwen2VLVideoProcessor(), TEMPLATE)
        case "qwen3_vl":
            images = t.Qwen2VLImageProcessor(patch_size=16)
            return t.Qwen3VLProcessor(images, tokenizer, t.Qwen3VLVideoProcessor(), TEMPLATE)
