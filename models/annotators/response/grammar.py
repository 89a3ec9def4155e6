"""Constrains a model's output to its schema: at every step, the logits of tokens that may not follow are masked.

llguidance follows each row of a batch with a parser of its own. A row may end only where its JSON does.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.annotators.response.schema import Schema

if TYPE_CHECKING:
    import torch
    from llguidance import LLMatcher, LLTokenizer

WORD_BITS: Final = 32
"""Tokens in a word of llguidance's masks."""


class Grammar:
    """Creates the constraints of batches; create one for a tokenizer."""

    def __init__(self, tokenizer: Any, logits_width: int, end_ids: Sequence[int]) -> None:  # noqa: ANN401
        """Read the vocabulary.

        Args:
            tokenizer: a fast tokenizer of transformers.
            logits_width: V, which may be more than there are tokens.
            end_ids: the tokens that end a row.
        """
        from llguidance.hf import from_tokenizer

        self._tokenizer: LLTokenizer = from_tokenizer(tokenizer, n_vocab=logits_width, eos_token=list(end_ids))

    def constraint(self, schemas: Sequence[Schema]) -> "Constraint":
        """A logits processor for one call of ``generate``, a schema for each row.

        Raises:
            ValueError: a schema cannot be followed.
        """
        return Constraint([self._matcher(schema) for schema in schemas], self._tokenizer.vocab_size)

    def _matcher(self, schema: Schema) -> "LLMatcher":
        from llguidance import LLMatcher

        grammar = LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
        matcher = LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise ValueError(f"the schema cannot be followed: {matcher.get_error()}")
        return matcher


class Constraint:
    """The logits processor of one batch: transformers calls it at every step with the tokens so far."""

    def __init__(self, matchers: "list[LLMatcher]", logits_width: int) -> None:
        self._matchers = matchers
        self._words = np.zeros((len(matchers), -(-logits_width // WORD_BITS)), np.int32)
        self._prompt_is_over = False

    def __call__(self, input_ids: "torch.Tensor", scores: "torch.Tensor") -> "torch.Tensor":
        """Logits (B, V) with -inf wherever a token of row B may not follow ``input_ids`` (B, L).

        Raises:
            RuntimeError: a forbidden token was generated.
        """
        import torch

        if self._prompt_is_over:
            self._follow(input_ids[:, -1].tolist())
        self._prompt_is_over = True
        forbidden = torch.from_numpy(~self._allowed(scores.shape[1])).to(scores.device, non_blocking=True)
        return scores.masked_fill(forbidden, -torch.inf)

    def _follow(self, tokens: list[int]) -> None:
        for row, (matcher, token) in enumerate(zip(self._matchers, tokens, strict=True)):
            # A finished row continues with its end mark and padding.
            if not matcher.is_stopped() and not matcher.consume_token(token):
                raise RuntimeError(f"token {token} cannot follow in row {row}: {matcher.get_error()}")

    def _allowed(self, logits_width: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """(B, V) bool. A row that has ended may only end."""
        from llguidance.numpy import fill_next_token_bitmask

        for row, matcher in enumerate(self._matchers):
            fill_next_token_bitmask(matcher, self._words, row)
        bits = np.unpackbits(self._words.view(np.uint8), axis=1, bitorder="little")
        return bits[:, :logits_width].astype(np.bool_)
