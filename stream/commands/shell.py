"""What the program answers a shell that completes a word, where click's own answer falls short."""

from itertools import pairwise

from click.shell_completion import BashComplete


class BashWords(BashComplete):
    """Bash, which splits ``--encoder=grid`` into three words at ``=``."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the one that is completed, without ``=`` between an option and its value, and that one."""
        words, incomplete = super().get_completion_args()
        separate = [word for last, word in pairwise(["", *words]) if not (word == "=" and last.startswith("--"))]
        return separate, incomplete
