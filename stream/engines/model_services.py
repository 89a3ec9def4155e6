"""The models that several clips share, each in a process that lives as long as the command."""

from models.annotators.table import annotator_spec
from models.encoders.table import encoder_spec
from stream.config import Options
from stream.engines.batch import WriteLine
from stream.engines.service_process import ServiceProcess
from stream.run.prepare import with_annotator, with_encoder
from stream.runtime.gpu_budget import with_budget
from stream.runtime.socket_folder import SocketFolder


class ModelServices:
    """A process for the encoder and one for the annotator, if they have weights."""

    def __init__(self, options: Options, folder: SocketFolder, write_line: WriteLine) -> None:
        """Start them. Their sockets and logs are in ``folder``; each has its share of one budget of GPU memory.

        Raises:
            ModelUnavailableError: a model's packages or weights are not there.
            NoRoomError: the models do not fit into the GPU's memory.
            UsageError: a model does not support the options.
        """
        options = with_annotator(with_encoder(options, allow_download=not options.runtime.offline))
        self.options = options
        """Those of the runs, which have clients in place of the models."""
        self._processes: list[ServiceProcess] = []
        encoder = encoder_spec(options.encoder.name).has_weights
        annotator = options.annotator.enabled and annotator_spec(options.annotator.name).has_weights
        if not (encoder or annotator):
            return
        budgeted = with_budget(options)
        for name, has_weights in (("encoder", encoder), ("annotator", annotator)):
            if has_weights:
                endpoint = folder.endpoint(name)
                self._processes.append(ServiceProcess(name, budgeted, endpoint, folder.path, write_line))
                self.options = self.options.replace({f"resolved.{name}_endpoint": endpoint})
        if encoder:
            batch = budgeted.encoder.batch if options.clips.deterministic else 1  # else the service makes the batches
            self.options = self.options.replace({"encoder.batch": batch})

    def check(self) -> None:
        """Restart those that have died.

        Raises:
            StageFailedError: one has died too often, or another attempt would end in the same way.
        """
        for process in self._processes:
            process.check()

    def close(self) -> None:
        """End them: they hold nothing that their clients do not have."""
        for process in self._processes:
            process.close()
