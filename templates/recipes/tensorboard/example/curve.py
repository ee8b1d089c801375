"""Write a curve as a training writes its loss, in the form that TensorBoard reads."""

from __future__ import annotations

import math
import os
import time

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

STEPS = 50


def main() -> None:
    """Write it, ten points a second, into the run's results."""
    writer = EventFileWriter(os.environ["GPURIG_RESULTS"])
    for step in range(STEPS):
        loss = math.exp(-step / 10)
        value = Summary.Value(tag="loss", simple_value=loss)
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
        writer.flush()
        time.sleep(0.1)
    writer.close()
    print(f"{STEPS} points of loss, the last {loss:.4f}: fab tensorboard shows them")


if __name__ == "__main__":
    main()
