"""A training loop as somebody wrote it who never saw this project, put behind the protocol.

Plain PyTorch; numbers of numpy; rows from epoch 0; None between validations; a defaultdict in the
state; data by a relative path; a helper process of its own. Tests write this file beside a space,
as it is or mended.
"""

import collections
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from pydantic import BaseModel


class Settings(BaseModel):
    lr: float = 0.1
    max_epochs: int = 9
    fail_at: int = 0


class Loop:
    config_class = Settings

    def __init__(self, config, inputs):
        self.config = config
        rng = np.random.default_rng(inputs.seed)
        points = np.loadtxt(Path("data") / "points.csv", delimiter=",")
        self.x, self.y = torch.tensor(points, dtype=torch.float32).split(1, dim=1)
        self.model = torch.nn.Linear(1, 1)
        with torch.no_grad():
            self.model.weight.fill_(float(rng.normal()))
            self.model.bias.zero_()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=config.lr)
        self.history = collections.defaultdict(list)
        self.epoch = 0
        self.helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (Path("helpers") / str(self.helper.pid)).touch()

    @property
    def ended_by(self):
        return "max_epochs" if self.epoch >= self.config.max_epochs else None

    def run_epoch(self):
        if self.epoch + 1 == self.config.fail_at:
            raise ValueError("made to fail")
        self.optimizer.zero_grad()
        loss = ((self.model(self.x) - self.y) ** 2).mean()
        loss.backward()
        self.optimizer.step()
        row = {
            "epoch": self.epoch,
            "train/loss": np.float32(loss.item()),
            "val/loss": loss.detach() if self.epoch % 3 == 2 else None,
        }
        self.history["loss"].append(np.float64(loss.item()))
        self.epoch += 1
        return row

    def state_dict(self):
        return {
            "epoch": np.int64(self.epoch),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "history": self.history,
            "seen": {1, 2},
        }

    def load_state_dict(self, state):
        self.epoch = state["epoch"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = collections.defaultdict(list, state["history"])

    def facts(self):
        return {"parameters": np.sum([p.numel() for p in self.model.parameters()])}

    def close(self):
        self.helper.kill()
        self.helper.wait()
        (Path("closed") / str(self.helper.pid)).touch()
