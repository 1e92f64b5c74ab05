"""Self-distillation driven by a YAML file, TensorBoard for the curves."""
import argparse
import os
import random
import sys

import numpy as np
import yaml
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

parser = argparse.ArgumentParser()
parser.add_argument("--config", default="self_distillation_config.yaml", help="YAML file with all settings")
parser.add_argument("--resume", action="store_true", help="continue from the newest checkpoint")
cli = parser.parse_args()

with open(cli.config) as handle:
    cfg = yaml.safe_load(handle)

train, model = cfg["training"], cfg["model"]
out = cfg["logging"]["output_dir"]
os.makedirs(out, exist_ok=True)
random.seed(cfg["seed"])
np.random.seed(cfg["seed"])

ckpt = os.path.join(out, "checkpoint_last.npz")
start = 0
if cli.resume and os.path.exists(ckpt):
    start = int(np.load(ckpt)["epoch"])
    print("continuing after epoch", start)

writer = EventFileWriter(os.path.join(out, "tb"))


def scalar(tag, value, step):
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])
    writer.add_event(Event(step=step, summary=summary))


steps_per_epoch = 7
for epoch in range(start, train["epochs"]):
    for i in range(steps_per_epoch):
        scalar("train/loss", 4 / (epoch + 1) + np.random.rand(), epoch * steps_per_epoch + i)
    wer = 46 + 20 * abs(model["dropout"] - 0.4) + 4 * abs(np.log10(float(train["lr"]) / 2e-4))
    wer += 3 * abs(cfg["distillation"]["alpha"] - 0.7) + 40 / (epoch + 1)
    wer += np.random.RandomState(100 * cfg["seed"] + epoch).randn() * 0.2
    print("validating", end="\r", file=sys.stderr)
    scalar("val/wer", wer, (epoch + 1) * steps_per_epoch)
    scalar("val/loss", wer / 20, (epoch + 1) * steps_per_epoch)
    writer.flush()
    np.savez(ckpt + ".new.npz", epoch=epoch + 1)
    os.replace(ckpt + ".new.npz", ckpt)
writer.close()
