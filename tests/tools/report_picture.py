"""The picture of the report in the README: its figures, time line and player, in the middle of an unusual segment.

python -m tests.tools.report_picture REPORT.html FILE.png
"""

from pathlib import Path
from typing import Final

import click
from playwright.sync_api import Page

from tests.support.browser import opened, running_browser

_WIDTH_PX: Final = 1280
_BELOW_PX: Final = 14
"""As much of the page as there is between two of its panels."""
_TO_THE_MIDDLE: Final = "(slider) => { slider.value = 500; slider.dispatchEvent(new Event('input')); }"
_IS_DRAWN: Final = (
    "() => { const all = [...page.timeline.strip.images.values(), page.player.image];"
    " return all.length > 1 && all.every((image) => image.complete) && !page.timeline.waiting; }"
)


@click.command()
@click.argument("report", type=click.Path(path_type=Path, exists=True))
@click.argument("picture", type=click.Path(path_type=Path))
def main(report: Path, picture: Path) -> None:
    """Write PICTURE of REPORT, down to the end of the player."""
    with running_browser() as browser, opened(browser, report.resolve(), size=(_WIDTH_PX, 1600), calm=True) as seen:
        take(seen.page, picture)
        if seen.errors:
            raise click.ClickException("; ".join(seen.errors))


def take(page: Page, picture: Path) -> None:
    """Go to the middle of the selected segment, and save the page down to the end of its panel."""
    page.locator("#player input[type=range]").evaluate(_TO_THE_MIDDLE)
    page.wait_for_function(_IS_DRAWN)
    panel = page.locator("#clip").bounding_box()
    if panel is None:
        raise click.ClickException("the report shows no clip")
    height_px = round(panel["y"] + panel["height"]) + _BELOW_PX
    page.screenshot(path=picture, clip={"x": 0, "y": 0, "width": _WIDTH_PX, "height": height_px})


if __name__ == "__main__":
    main()
