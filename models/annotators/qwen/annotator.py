"""Qwen2.5-VL (arXiv:2502.13923) and Qwen3-VL (arXiv:2511.21631), through transformers, as annotators.

Answers are constrained to the request's schema (``models.annotators.response.grammar``), and every row has room for the
longest answer, so no answer is truncated. It has not been run on a GPU yet; everything that does not need one is tested
on the CPU.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

from models.annotators.annotator import (
    AnnotationAnswer,
    AnnotationFailure,
    AnnotationRequest,
    AnnotatorFacts,
    AnswerForm,
    RequestFrame,
)
from models.annotators.box_space import BoxUnit, box_space
from models.annotators.prompt import PRECEDING_BEGINS, SEGMENT_BEGINS, Prompt, TimeGrid, preceding_label
from models.annotators.qwen.frames import VideoInput, video_input, with_valid_preceding
from models.annotators.qwen.loading import free_bytes, load_qwen
from models.annotators.qwen.marks import with_bare_video
from models.annotators.qwen.memory import (
    FRAMES_PER_TOKEN,
    Quantization,
    TokenCounts,
    footprint,
    own_context_tokens,
    visual_tokens,
)
from models.annotators.response.schema import (
    FORM,
    BoxSpace,
    Schema,
    answer_schema,
    longest_json_bytes,
    schema_sha256,
)
from models.annotators.spec import FRAMES_MAX
from models.memory.adaptive_batch import AdaptiveBatch
from models.memory.oom import full_memory_as_memory_error, release_cached_memory
from models.weights.weights import identity, read_json, weights_sha256

BATCH_MAX: Final = 8
PIXELS_MAX: Final = 256 * 28 * 28
"""256 visual tokens of Qwen2.5-VL for two frames: a frame of 854x480 is shown at 588x336."""
_SHARE_OF_MEMORY: Final = 0.8
"""Share of the free memory that batches are planned with; the rest is a reserve."""
STAMP_TOKENS: Final = 16
"""Upper bound for the time and the marks that Qwen3-VL inserts around two frames."""


@dataclass(frozen=True, slots=True)
class QwenSettings:
    """Settings that determine the model's input and output."""

    task: str | None = None
    """The user's description of the work."""
    prompt: AnswerForm = FORM
    """The wording of the prompt, and the form of the answer."""
    batch_max: int = BATCH_MAX
    """Maximum number of segments in a batch, if the memory allows it."""
    frames_max: int = FRAMES_MAX
    """Maximum number of frames of a segment that are shown."""
    pixels_max: int = PIXELS_MAX
    """Maximum number of pixels of a frame that is shown."""
    quantization: Quantization = "none"
    box_unit: BoxUnit | None = None
    """Unit of the boxes; None for that of the model's family."""


@dataclass(frozen=True, slots=True)
class _ModelInput:
    """A request as the model takes it."""

    request: AnnotationRequest
    video: VideoInput
    text: str
    space: BoxSpace
    schema: Schema
    tokens: TokenCounts


class QwenAnnotator:
    """An annotator with the Qwen-VL model of a folder."""

    def __init__(self, folder: Path, settings: QwenSettings | None = None) -> None:
        """Load the model; nothing is fetched.

        Raises:
            ValueError: the task holds more than plain words.
            ModelUnavailableError: a package is missing, or the folder holds no complete Qwen-VL.
            MemoryError: it does not fit into the device's memory.
        """
        from models.annotators.response.grammar import Grammar

        self._settings: Final = settings or QwenSettings()
        self._prompt: Final = Prompt(self._settings.task, self._settings.prompt)
        self._qwen: Final = load_qwen(folder, self._settings.quantization)
        self._model_name, self._revision = identity(folder)
        self._sha256: Final = weights_sha256(folder)
        self.batch_max: Final = self._settings.batch_max
        self._knows_one_step: Final = self._qwen.kind == "qwen2_5_vl"
        family_unit: BoxUnit = "pixels" if self._knows_one_step else "thousandths"
        self._box_unit: Final = self._settings.box_unit or family_unit
        video = self._qwen.processor.video_processor
        self._side_px: Final[int] = video.patch_size * video.merge_size
        config = read_json(folder / "config.json")
        self._footprint: Final = footprint(config, self._qwen.dtype.itemsize)
        self._context_tokens: Final = own_context_tokens(config, folder)
        self._generation: Final = self._generation_config()
        self._grammar: Final = Grammar(*self.vocabulary(), self._generation.eos_token_id)
        self._halving: Final = AdaptiveBatch(self.batch_max)

    def vocabulary(self) -> tuple[Any, int]:
        """The model's tokenizer and its number of logits, which may exceed the number of tokens."""
        return self._qwen.processor.tokenizer, self._qwen.model.get_output_embeddings().weight.shape[0]

    def facts(self) -> AnnotatorFacts:
        import llguidance
        import torch
        import transformers

        cuda = self._qwen.device.type == "cuda"
        facts: AnnotatorFacts = {
            "model": self._model_name,
            "revision": self._revision,
            "weights_sha256": self._sha256,
            "dtype": str(self._qwen.dtype).removeprefix("torch."),
            "quantization": self._settings.quantization,
            "device": torch.cuda.get_device_name(self._qwen.device) if cuda else "cpu",
            "runtime": f"torch {torch.__version__}, transformers {transformers.__version__}, "
            f"llguidance {llguidance.__version__}, {self._qwen.attention}",
            "prompt": self._prompt.name,
            "prompt_sha256": self._prompt.sha256,
            "schema_sha256": schema_sha256(self._prompt.name),
            "frames_max": self._settings.frames_max,
            "pixels_max": self._settings.pixels_max,
            "box_space": self._box_unit,
            "temperature": 0.0,
            "memory_halvings": self._halving.halvings,
        }
        return facts | ({"peak_vram_bytes": torch.cuda.max_memory_reserved(self._qwen.device)} if cuda else {})

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationAnswer | AnnotationFailure]:
        questions: list[_ModelInput] = []
        for request in requests:
            try:
                questions.append(self._question(request, self._settings.frames_max))
            except ValueError as error:
                yield AnnotationFailure(request.segment_id, request.frames_digest, str(error))
        while questions:
            budget = int(_SHARE_OF_MEMORY * free_bytes(self._qwen.device))
            count = self._footprint.batch_for(budget, [question.tokens for question in questions[: self.batch_max]])
            yield from self._halving.run(questions[:count], self._answers)
            del questions[:count]

    def _question(self, request: AnnotationRequest, frames_max: int) -> _ModelInput:
        """The request as the model takes it; without preceding frames, if the model's context has no room for them.

        Raises:
            ValueError: a frame is not a picture, or not of the request's size.
        """
        question = self._whole_question(with_valid_preceding(request), frames_max)
        needed = question.tokens.prompt_tokens + question.tokens.new_tokens_max
        if needed > self._context_tokens and question.video.preceding:
            return self._whole_question(replace(request, preceding=()), frames_max)
        return question

    def _whole_question(self, request: AnnotationRequest, frames_max: int) -> _ModelInput:
        even, pixels_max = self._knows_one_step, self._settings.pixels_max
        video = video_input(request, frames_max=frames_max, even=even, side_px=self._side_px, pixels_max=pixels_max)
        frames, height_px, width_px = video.pictures.shape[:3]
        space = box_space(self._box_unit, width_px, height_px)
        grid = TimeGrid(video.times_s[0], video.step_s) if even else None
        text = self._chat(request.preceding, self._prompt.text(request, space, grid, video.stretch))
        schema = answer_schema(request, space, self._prompt.name, video.stretch)
        visual = sum(
            visual_tokens(each, width_px, height_px, self._side_px)
            for each in (frames, FRAMES_PER_TOKEN * len(request.preceding))  # a still picture counts as a pair
        )
        words = len(self._qwen.processor.tokenizer(text)["input_ids"])
        counts = TokenCounts(words + visual + frames * STAMP_TOKENS, visual, longest_json_bytes(schema) + 1)
        return _ModelInput(request, video, text, space, schema, counts)

    def _chat(self, preceding: Sequence[RequestFrame], words: str) -> str:
        processor = self._qwen.processor
        message = {"role": "user", "content": [*_before(preceding), {"type": "video"}, {"type": "text", "text": words}]}
        text: str = processor.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
        return text if self._knows_one_step else with_bare_video(text, processor)

    def _answers(self, questions: Sequence[_ModelInput]) -> list[AnnotationAnswer | AnnotationFailure]:
        """Answer ``questions`` as one batch; in short memory a single one is shown no preceding frames, then fewer.

        Raises:
            MemoryError: several questions do not fit into the memory.
        """
        if len(questions) > 1:
            return [*self._generate(questions)]
        [question], frames, reason = questions, len(questions[0].video.times_s), ""
        while frames:
            try:
                return [*self._generate([question])]
            except MemoryError as error:
                reason = str(error)  # the text alone: the traceback would keep the memory occupied
            release_cached_memory()
            self._halving.halvings += 1
            frames = frames if question.video.preceding else frames // 2
            if frames:
                question = self._question(replace(question.request, preceding=()), frames)
        return [AnnotationFailure(question.request.segment_id, question.request.frames_digest, reason)]

    def _generate(self, questions: Sequence[_ModelInput]) -> list[AnnotationAnswer]:
        """Generate the answers of one batch.

        Raises:
            MemoryError: the batch does not fit into the memory.
        """
        import torch

        started = monotonic()
        with torch.inference_mode(), full_memory_as_memory_error():
            inputs = self._inputs(questions)
            generated = self._qwen.model.generate(
                **inputs,
                max_new_tokens=max(question.tokens.new_tokens_max for question in questions),
                logits_processor=[self._grammar.constraint([question.schema for question in questions])],
            )[:, inputs["input_ids"].shape[1] :].tolist()
        tokens_in = inputs["attention_mask"].sum(dim=1).tolist()
        seconds = (monotonic() - started) / len(questions)
        rows = zip(questions, generated, tokens_in, strict=True)
        return [self._answer(question, tokens, prompt, seconds) for question, tokens, prompt in rows]

    def _inputs(self, questions: Sequence[_ModelInput]) -> Any:  # noqa: ANN401  (a BatchFeature, which is untyped)
        return self._qwen.processor(
            text=[question.text for question in questions],
            images=[picture for question in questions for picture in question.video.preceding] or None,
            videos=[question.video.pictures for question in questions],
            video_metadata=[question.video.metadata() for question in questions],
            do_sample_frames=False,
            do_resize=False,
            cap_pixels_per_frame=False,
            padding=True,
            padding_side="left",
            return_tensors="pt",
        ).to(self._qwen.device)

    def _answer(self, question: _ModelInput, tokens: list[int], tokens_in: int, seconds: float) -> AnnotationAnswer:
        ends = (place for place, token in enumerate(tokens, start=1) if token in self._generation.eos_token_id)
        tokens_out = next(ends, len(tokens))
        raw = self._qwen.processor.tokenizer.decode(tokens[:tokens_out], skip_special_tokens=True)
        return AnnotationAnswer(
            segment_id=question.request.segment_id,
            frames_digest=question.request.frames_digest,
            raw=raw,
            frames=len(question.video.times_s),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            seconds=seconds,
            box_space=question.space,
            frame_times_s=question.video.times_s,
            form=self._prompt.name,
            preceding_frames=len(question.video.preceding),
        )

    def _generation_config(self) -> Any:  # noqa: ANN401  (transformers types it loosely)
        """Replace the checkpoint's configuration, whose repetition penalty would forbid the keys of a second action."""
        import transformers

        config: Any = transformers.GenerationConfig  # its constructor is untyped
        own = self._qwen.model.generation_config
        ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
        self._qwen.model.generation_config = config(
            eos_token_id=ends,
            pad_token_id=self._qwen.processor.tokenizer.pad_token_id,
            do_sample=False,  # the likeliest token, so that answers do not depend on the batch
        )
        return self._qwen.model.generation_config


def _before(preceding: Sequence[RequestFrame]) -> Iterator[dict[str, str]]:
    """The parts of a chat that stand before the video: still pictures, each after its time, if there are any."""
    if preceding:
        yield {"type": "text", "text": f"{PRECEDING_BEGINS}\n"}
        for frame in preceding:
            yield from ({"type": "text", "text": f"{preceding_label(frame)}: "}, {"type": "image"})
        yield {"type": "text", "text": f"\n{SEGMENT_BEGINS}\n"}
