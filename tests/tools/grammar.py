"""Does every answer parse, regardless of the model's logits?

    python -m tests.tools.grammar --answers 10000

    python -m tests.tools.grammar --model qwen2_5_vl --answers 10000

Instead of a model, adversaries make the logits, through the very constraint that holds a model to its schema: one is
indifferent, one insists on a single token, one wants the longest text, one wants to end at once, one wants quotes,
backslashes and control bytes. The vocabulary is a byte-level one: any byte can be said. With
``--model`` a small random Qwen-VL speaks through the annotator's own ``generate``, at a high temperature and with the
adversaries on top (``tests.tools.provoked``). Needs the extra ``dev``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import click
import numpy as np

from models.annotators.annotator import AnnotationRequest
from models.annotators.response.grammar import Grammar
from models.annotators.response.parse import AnswerError, parse_answer
from models.annotators.response.schema import BoxSpace, Schema, answer_schema, longest_json_bytes
from tests.support.answer_strategies import is_valid
from tests.support.random_qwen import FAMILIES, Family, save_tiny_qwen, tiny_tokenizer

if TYPE_CHECKING:
    import torch

BATCH: Final = 100
TOKENS: Final = 1200
LOGITS_BEYOND_TOKENS: Final = 24
"""As in the published checkpoints, there are more logits than tokens."""
ADVERSARIES: Final = ("indifferent", "insistent", "longest", "shortest", "hostile")
_STRONG: Final = 30.0
"""Of logits: what is so much likelier is as good as certain, if it is allowed."""


class Vocabulary:
    """What an adversary knows of the tokens: tables over all logits, (V,) float32."""

    def __init__(self, tokenizer: Any = None, width: int | None = None) -> None:  # noqa: ANN401  (transformers' own)
        """Look at each token of ``tokenizer``, or of one trained here; ``width`` is V."""
        import torch
        from llguidance.hf import from_tokenizer

        self.tokenizer = tokenizer or tiny_tokenizer(TOKENS)
        self.width = width or len(self.tokenizer) + LOGITS_BEYOND_TOKENS
        self.end_ids = [self.tokenizer.eos_token_id, self.tokenizer.pad_token_id]
        self.grammar = Grammar(self.tokenizer, self.width, self.end_ids)
        reader = from_tokenizer(self.tokenizer, n_vocab=self.width)
        tokens = [bytes(reader.decode_bytes([token])) for token in range(self.width)]
        harmful = set(range(32)) | set(range(127, 256)) | set(b'"\\<>&`')
        self.length = torch.tensor([float(len(token)) for token in tokens])
        self.ends = torch.tensor([float(token in self.end_ids) for token in range(self.width)])
        self.closing = torch.tensor([float(not set(b'"]}').isdisjoint(token)) for token in tokens])
        self.brief = torch.tensor([float(token in {b"n", b"f", b"0", b","}) for token in tokens])  # null, false, 0
        self.harmful = torch.tensor([float(not harmful.isdisjoint(token)) for token in tokens])


def tokens_max(schema: Schema) -> int:
    """Of the longest answer, its end mark included."""
    return longest_json_bytes(schema) + 1


def wish(adversary: str, vocabulary: Vocabulary, rows: int, chance: torch.Generator) -> torch.Tensor:
    """Logits (B, V) of what an adversary would like to say next in each row."""
    import torch

    logits = torch.rand((rows, vocabulary.width), generator=chance)
    match adversary:
        case "insistent":
            logits[torch.arange(rows), torch.randint(vocabulary.width, (rows,), generator=chance)] += _STRONG
        case "longest":
            # One byte at a time; no text, list or object ends before it must; true, since idle actions are short.
            logits -= _STRONG * (vocabulary.length + 9 * vocabulary.closing + vocabulary.brief / 2)
        case "shortest":
            logits += _STRONG * (vocabulary.ends + vocabulary.closing)
        case "hostile":
            logits += _STRONG * vocabulary.harmful
    return logits


def answers(
    requests: list[AnnotationRequest], box_spaces: list[BoxSpace], adversary: str, vocabulary: Vocabulary, seed: int
) -> Iterator[tuple[str, int | None]]:
    """Of each row of a batch the words and the number of tokens, None where it does not end.

    They are made as transformers' ``generate`` makes them.
    """
    import torch

    chance = torch.Generator().manual_seed(seed)
    schemas = [answer_schema(request, space) for request, space in zip(requests, box_spaces, strict=True)]
    constraint = vocabulary.grammar.constraint(schemas)
    written = torch.zeros((len(schemas), 1), dtype=torch.long)  # a prompt of one token
    going_on = torch.ones(len(schemas), dtype=torch.bool)
    ends = torch.tensor(vocabulary.end_ids)
    for _ in range(max(map(tokens_max, schemas))):
        wishes = wish(adversary, vocabulary, len(schemas), chance)
        chosen = constraint(written, wishes).argmax(dim=1)
        chosen = torch.where(going_on, chosen, vocabulary.tokenizer.pad_token_id)
        written = torch.cat([written, chosen[:, None]], dim=1)
        going_on &= ~torch.isin(chosen, ends)
        if not going_on.any():
            break
    for row in written[:, 1:].tolist():
        count = next((place for place, token in enumerate(row, 1) if token in vocabulary.end_ids), None)
        yield vocabulary.tokenizer.decode(row[:count], skip_special_tokens=True), count


def random_request(rng: np.random.Generator) -> AnnotationRequest:
    """A segment of up to a minute, pictures of any size, and no frames: nobody looks."""
    width, height = (int(side) for side in rng.integers(64, 1921, 2))
    return AnnotationRequest("s", rng.bytes(32).hex(), float(rng.uniform(0.1, 60)), (), width, height)


def verdict(raw: str, tokens: int | None, request: AnnotationRequest, box_space: BoxSpace) -> dict[str, bool]:
    """Whether an answer parses, meets its schema by jsonschema's judgement, and was cut short."""
    schema = answer_schema(request, box_space)
    try:
        parsed = bool(parse_answer(raw, request, box_space).actions)
    except AnswerError:
        parsed = False
    try:
        valid = is_valid(raw, schema)
    except ValueError:
        valid = False
    return {"parsed": parsed, "valid": valid, "truncated": tokens is None or tokens > tokens_max(schema)}


def tally(adversary: str, count: int, vocabulary: Vocabulary, seed: int) -> tuple[Counter[str], float]:
    """Counts of verdicts over ``count`` answers, and the share of the bound that the longest took."""
    counts: Counter[str] = Counter()
    fullest = 0.0
    for batch, first in enumerate(range(0, count, BATCH)):
        rng = np.random.default_rng([seed, batch])
        requests = [random_request(rng) for _ in range(min(BATCH, count - first))]
        spaces = [(1000, 1000) if rng.integers(2) else (r.width_px, r.height_px) for r in requests]
        rows = answers(requests, spaces, adversary, vocabulary, seed=int(rng.integers(2**32)))
        for request, space, (raw, tokens) in zip(requests, spaces, rows, strict=True):
            counts.update(name for name, holds in verdict(raw, tokens, request, space).items() if holds)
            fullest = max(fullest, (tokens or 0) / tokens_max(answer_schema(request, space)))
        counts["answers"] += len(requests)
    return counts, fullest


def shares(answers: int) -> dict[str, int]:
    """How many answers each adversary gives: the longest ones take as much time as fifty others."""
    longest = max(1, answers // 100)
    others = [name for name in ADVERSARIES if name != "longest"]
    each, rest = divmod(answers - longest, len(others))
    return {name: each + (place < rest) for place, name in enumerate(others)} | {"longest": longest}


@click.command()
@click.option("--answers", "count", default=10_000, show_default=True, help="Answers in all.")
@click.option("--seed", default=0, show_default=True)
@click.option("--model", type=click.Choice(FAMILIES), help="Let a small random model of this family answer.")
def main(count: int, seed: int, model: Family | None) -> None:
    """Let adversaries answer under the grammar, and count what parses."""
    if model:
        of_model(model, count, seed)
        return
    vocabulary = Vocabulary()
    total: Counter[str] = Counter()
    click.echo(f"{'adversary':12} {'answers':>8} {'parsed':>9} {'valid':>9} {'truncated':>10} {'fullest':>9}")
    for place, (adversary, share) in enumerate(shares(count).items()):
        counts, fullest = tally(adversary, share, vocabulary, seed + place)
        total += counts
        _echo(adversary, counts, f"{fullest:9.1%}")
    _echo("all", total, "")


def of_model(family: Family, count: int, seed: int) -> None:
    """Print what became of the answers of a small random model under each adversary, and how fast they came."""
    from models.annotators.qwen.annotator import QwenAnnotator, QwenSettings
    from tests.tools.provoked import tally_of_model

    with TemporaryDirectory() as folder:
        annotator = QwenAnnotator(save_tiny_qwen(Path(folder), family), QwenSettings(batch_max=BATCH))
        vocabulary = Vocabulary(*annotator.vocabulary())
    total: Counter[str] = Counter()
    began_s = monotonic()
    click.echo(f"{'adversary':12} {'answers':>8} {'parsed':>9} {'valid':>9} {'truncated':>10} {'a second':>9}")
    for place, (adversary, share) in enumerate(shares(count).items()):
        before_s = monotonic()
        counts = tally_of_model(annotator, adversary, share, vocabulary, seed + place)
        total += counts
        _echo(adversary, counts, f"{counts['answers'] / (monotonic() - before_s):9.2f}")
    _echo("all", total, f"{total['answers'] / (monotonic() - began_s):9.2f}")


def _echo(name: str, counts: Counter[str], fullest: str) -> None:
    of = counts["answers"]
    parsed, valid = (f"{counts[key] / of:9.2%}" for key in ("parsed", "valid"))
    click.echo(f"{name:12} {of:8} {parsed} {valid} {counts['truncated']:10} {fullest}")


if __name__ == "__main__":
    main()
