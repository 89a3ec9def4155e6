"""The process of a worker: sockets, control, heartbeats and exit codes around its loop (``worker_loop``).

It is started as ``python -m stream.runtime.worker``. Standard input is its control line, over which it gets a
``WorkerConfig`` for one run after another. If the line closes, the supervisor is gone, so the process ends at once and
leaves no orphan. Of a run that has ended it holds nothing: no lock, no log, no socket. Models stay loaded.
"""

import faulthandler
import gc
import os
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import zmq

from stream.errors import ExitCode, exit_code_of, sentence_of
from stream.pipeline.items import WorkerReady
from stream.records.schema.layout import RunLayout
from stream.records.store.checkpoint import read_checkpoint
from stream.runtime.channels import Receiver, Sender
from stream.runtime.control_line import Assignment, ControlListener
from stream.runtime.exit import exit_quickly, libav_threads_abandoned
from stream.runtime.gpu_budget import limit_gpu
from stream.runtime.heartbeat import HeartbeatSender, Reporter, pulsing
from stream.runtime.loaded_models import LoadedModels
from stream.runtime.processes import PROCESSES
from stream.runtime.signals import STOP_SIGNALS
from stream.runtime.work import build
from stream.runtime.worker_config import WorkerConfig
from stream.runtime.worker_loop import Worker
from stream.sources.network import network
from stream.ui import standard_streams
from stream.ui.notes import forwarded_notes, print_traceback


def serve(
    config: WorkerConfig,
    context: zmq.Context[zmq.Socket[bytes]],
    stop: threading.Event,
    reporter: Reporter,
    models: LoadedModels,
) -> None:
    """Build the stages of this process and run them to the end; what is sent has been received when this returns."""
    spec, layout = PROCESSES[config.process], RunLayout(config.run_dir, config.run_dir.name)
    with ExitStack() as stack:
        checkpoint = read_checkpoint(config.state) if config.state else None
        limit_gpu(config.options, spec)
        work = build(spec, config.options, layout, config.attempt, checkpoint, models)
        stack.callback(work.stage.close)
        outlet = stack.enter_context(Sender(context, config.outlet)) if config.outlet else None
        worker = Worker(work, outlet, stop, reporter)
        worker.tick()
        if spec.restarts_alone:
            worker.send(WorkerReady(spec.name))
        if work.source is not None:
            worker.run_source(work.source)
        elif config.inlet is not None:
            back = stack.enter_context(Receiver(context, config.back)) if config.back else None
            inlet = stack.enter_context(Receiver(context, config.inlet))
            reporter.queue_items = lambda: inlet.waiting
            worker.run_stage(inlet, back)
        worker.report("done")
        if outlet is not None:
            outlet.wait_until_taken()


def work_on(config: WorkerConfig, stop: threading.Event, models: LoadedModels, cpu_before_s: float) -> int:
    """Do the part of this process in one run; returns the exit code. ``cpu_before_s`` was used for earlier runs."""
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    heartbeats = HeartbeatSender(context, config.heartbeat_endpoint)
    reporter = Reporter(config.process, heartbeats.send, cpu_before_s)
    code = int(ExitCode.DONE)
    with forwarded_notes(reporter.note, config.process):
        reporter.report("starting", {}, {})
        try:
            with network(offline=config.options.runtime.offline), pulsing(reporter.pulse):
                serve(config, context, stop, reporter, models)
        except Exception as error:  # noqa: BLE001 - the way out of the process: the supervisor reports every error
            code = exit_code_of(error)
            print_traceback(error)
            reporter.fail(sentence_of(error), code)
    heartbeats.close()
    context.term()
    return code


def _begin(assignment: Assignment, control: ControlListener) -> WorkerConfig:
    """Take over the log of a run; the descriptors that remain open are its lock and those of its source."""
    _, log, *of_source = assignment.descriptors
    standard_streams.redirect_messages(log)
    os.close(log)
    config = WorkerConfig.model_validate_json(assignment.content)
    sockets = Path(config.heartbeat_endpoint.removeprefix("ipc://")).parent
    control.at_end = lambda: _exit_orphaned(sockets)
    return config.with_source_descriptors(of_source)


def _end(assignment: Assignment, control: ControlListener) -> None:
    """Let go of a run, its lock last."""
    control.at_end = _exit_idle
    standard_streams.redirect_messages(None)
    lock, _, *of_source = assignment.descriptors
    for descriptor in (*of_source, lock):
        os.close(descriptor)


def _collect_garbage() -> None:
    """Free what the stages of a run hold in cycles. What remains is not searched again, which makes this cheap."""
    gc.collect()
    gc.freeze()


def _exit_orphaned(sockets: Path) -> None:
    """Exit at once, and remove the sockets, which the supervisor no longer can."""
    shutil.rmtree(sockets, ignore_errors=True)
    os._exit(ExitCode.INTERNAL)


def _exit_idle() -> None:
    os._exit(ExitCode.DONE)


def main() -> None:
    """Entry of a worker's process."""
    exit_quickly()
    faulthandler.enable()
    standard_streams.install()
    sys.stdout = sys.stderr  # both are the log, and a full disk does not fail what only prints
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # the supervisor gets them, and drains the chain in order
    control = ControlListener(_exit_idle)
    control.start()
    with libav_threads_abandoned():
        _serve_assignments(control)


def _serve_assignments(control: ControlListener) -> None:
    """Do the work of one run after another, until the parent is gone or this process cannot be used again."""
    models, cpu_before_s = LoadedModels(), 0.0
    while (assignment := control.next_assignment()) is not None:
        config = _begin(assignment, control)
        code = work_on(config, assignment.stop, models, cpu_before_s)
        if code or not config.is_reusable:
            sys.exit(code)
        _collect_garbage()
        _end(assignment, control)
        cpu_before_s = time.process_time()
        control.report_done()


if __name__ == "__main__":
    main()
