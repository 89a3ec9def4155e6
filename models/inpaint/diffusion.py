"""Inpainting pipelines of diffusers, such as Stable Diffusion's, from a folder."""

import hashlib
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from models.depth.depth import ModelFacts
from models.errors import ModelUnavailableError
from models.memory.oom import full_memory_as_memory_error
from models.packages import make_torchvision_importable, require_packages
from models.weights.digest import remembered_sha256
from models.weights.licence import licence_of
from models.weights.loading import silent_transformers, unloadable_as_unavailable
from models.weights.weights import identity

PACKAGES: Final = ("diffusers", "torch", "transformers", "safetensors")
EXTRA: Final = "diffusers"
INDEX: Final = "model_index.json"
_MULTIPLE_PX: Final = 64
"""Divides the sides of pictures that the pipelines take; 8 is enough for most."""


class DiffusionInpainter:
    """Paints holes by a diffusers pipeline: in float32 on the CPU, in float16 on a GPU, on which it has not been run.

    The noise comes from the seed and is drawn on the CPU. Only safetensors are opened, and no code of the folder is
    run.
    """

    def __init__(self, folder: Path, *, steps: int = 30) -> None:
        """Load the pipeline in ``folder``; nothing is downloaded.

        Args:
            folder: As ``save_pretrained`` writes it.
            steps: Denoising steps of a picture.

        Raises:
            ModelUnavailableError: a package is missing, or the folder holds no complete inpainting pipeline.
            MemoryError: it does not fit into the device's memory.
        """
        require_packages(PACKAGES, extra=EXTRA)
        if not (folder / INDEX).is_file():
            raise ModelUnavailableError(f"the folder {folder} has no {INDEX}: it is no pipeline of diffusers")
        make_torchvision_importable()

        import torch
        from diffusers import AutoPipelineForInpainting
        from diffusers.utils import logging

        logging.disable_progress_bar()
        cuda = torch.cuda.is_available()
        with unloadable_as_unavailable(folder), silent_transformers(), full_memory_as_memory_error():
            self._pipeline: Any = AutoPipelineForInpainting.from_pretrained(
                folder,
                dtype=torch.float16 if cuda else torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
            ).to("cuda" if cuda else "cpu")
        self._pipeline.set_progress_bar_config(disable=True)
        self._steps: Final = steps
        name, revision = identity(folder)
        self._facts: Final = ModelFacts(name, revision, licence_of(folder), _sha256(folder))

    @property
    def facts(self) -> ModelFacts:
        return self._facts

    def inpaint(
        self, picture: npt.NDArray[np.uint8], is_hole: npt.NDArray[np.bool_], prompt: str, seed: int
    ) -> npt.NDArray[np.uint8]:
        import torch
        from PIL import Image

        height, width = is_hole.shape
        down, across = -height % _MULTIPLE_PX, -width % _MULTIPLE_PX
        image = cv2.copyMakeBorder(picture, 0, down, 0, across, cv2.BORDER_REFLECT)
        mask = cv2.copyMakeBorder(is_hole.astype(np.uint8) * 255, 0, down, 0, across, cv2.BORDER_REFLECT)
        with full_memory_as_memory_error():
            result = self._pipeline(
                prompt=prompt,
                image=Image.fromarray(np.asarray(image)),
                mask_image=Image.fromarray(np.asarray(mask)),
                height=image.shape[0],
                width=image.shape[1],
                num_inference_steps=self._steps,
                generator=torch.Generator("cpu").manual_seed(seed),
                output_type="np",
            )
        painted = np.nan_to_num(np.asarray(result.images[0], np.float32))
        return np.ascontiguousarray(np.rint(painted[:height, :width].clip(0, 1) * 255).astype(np.uint8))


def _sha256(folder: Path) -> str:
    """SHA-256 of the lines ``<sha256>  <path>`` of all weights, as ``sha256sum`` prints them."""
    files = sorted(folder.rglob("*.safetensors"))
    listing = "".join(f"{remembered_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return hashlib.sha256(listing.encode()).hexdigest()
