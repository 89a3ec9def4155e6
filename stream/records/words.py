"""Words that others wrote, made safe to show."""


def printable(text: str) -> str:
    """The text on one line, without what a terminal would act on: a mark stands for each control character."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in " ".join(text.split()))
