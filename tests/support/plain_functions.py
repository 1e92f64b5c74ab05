"""Training functions as people have them: a loop that calls `report`."""

from __future__ import annotations

import random
from typing import Any

import torch


def train(config: dict[str, Any], report: Any, resume: dict[str, Any] | None) -> None:
    """Fits a line; its state is that of model and optimiser."""
    model = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=config["learning_rate"], momentum=0.5)
    start = 0
    if resume:
        model.load_state_dict(resume["model"])
        optimizer.load_state_dict(resume["optimizer"])
        start = resume["epoch"]
    for epoch in range(start, config["max_epochs"]):
        report.seed_epoch(epoch + 1)
        x = torch.rand(16, 1)
        loss = (model(x) - 3 * x).square().mean() + random.random() / 1e3
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        parts = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        report({"val/loss": loss.item()}, state={**parts, "epoch": epoch + 1})


def forgetful(config: dict[str, Any], report: Any, resume: None) -> None:
    """Reports no state, and notes in a journal what it trains."""
    try:
        for epoch in range(config["max_epochs"]):
            with open(config["journal"], "a") as file:
                file.write(f"{epoch}\n")
            report(loss=1 / (epoch + 1))
    finally:
        with open(config["journal"], "a") as file:
            file.write("closed\n")


def failing(config: dict[str, Any], report: Any, resume: None) -> None:
    """Fails in its second epoch."""
    report(loss=1.0)
    raise ValueError("CTC loss is inf")


def early(config: dict[str, Any], report: Any, resume: None) -> None:
    """Stops by a rule of its own."""
    for _ in range(3):
        report(loss=1.0, predictions=[("a", "X Y", "X Y"), ("b", ["X"], ["Z"])])


def silent(config: dict[str, Any], report: Any, resume: None) -> None:
    """Forgets to report."""


def wrong(config: dict[str, Any]) -> None:
    """Takes too little."""
