"""The encoder that a run's options name, made in this process and kept to its share of the GPU's memory."""

from models.encoders.encoder import ClipEncoder
from models.encoders.table import make_encoder
from stream.config import Options
from stream.runtime.gpu_budget import limited


def own_encoder(options: Options) -> ClipEncoder:
    """Load it; ``options`` have its model settled.

    Raises:
        ModelUnavailableError: its packages or weights are not there.
        MemoryError: it does not fit into the device's memory.
    """
    return make_encoder(
        options.encoder.name,
        options.encoder.model,
        frames=options.sampling.frames,
        onnx=options.encoder.onnx,
        provider=options.encoder.onnx_provider,
        memory_bytes=limited(options, "encode"),
    )
