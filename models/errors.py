"""What can go wrong in a model, apart from a wrong argument (``ValueError``)."""


class ModelUnavailableError(Exception):
    """A package, a model or its weights are not there, or are not what they should be: one sentence, with the cure."""
