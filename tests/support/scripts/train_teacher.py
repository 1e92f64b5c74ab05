#!/usr/bin/env python
"""Train a (pretend) BiLSTM teacher for sign language recognition.

Written as students write them: argparse, prints, a checkpoint every epoch.
"""

import argparse
import math
import os
import pickle
import random
import sys
import time
import warnings


def get_args():
    parser = argparse.ArgumentParser(
        description="Train teacher model", formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--learning_rate", type=float, default=3e-4, help="learning rate")
    parser.add_argument("--dropout", type=float, default=0.3, help="dropout probability")
    parser.add_argument("--weight_decay", type=float, default=1e-4, help="L2 penalty")
    parser.add_argument("--batch_size", type=int, default=8, choices=[4, 8, 16], help="batch size")
    parser.add_argument("--hidden_dim", type=int, default=384, help="hidden size per direction")
    parser.add_argument("--epochs", type=int, default=9, help="number of epochs")
    parser.add_argument("--output_dir", default="checkpoints/teacher", help="where to save")
    parser.add_argument("--resume", default=None, metavar="CKPT", help="checkpoint to resume from")
    parser.add_argument("--seed", type=int, default=0, help="random seed")
    parser.add_argument("--augment", action="store_true", help="augment the training data")
    parser.add_argument("--crash_at", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--pause", type=float, default=0.0, help=argparse.SUPPRESS)
    return parser.parse_args()


def validate(epoch, args):
    distance = abs(math.log10(args.learning_rate) + 3) + 2 * abs(args.dropout - 0.25)
    noise = random.Random(1000 * args.seed + epoch).gauss(0, 0.2)
    return 45 + 8 * distance + 50 / epoch + noise


def main():
    args = get_args()
    random.seed(args.seed)
    os.makedirs(args.output_dir, exist_ok=True)
    print("=" * 60)
    print(f"Training teacher: lr={args.learning_rate}, dropout={args.dropout}")
    start, best = 1, float("inf")
    if args.resume:
        with open(args.resume, "rb") as f:
            state = pickle.load(f)
        start, best = state["epoch"] + 1, state["best"]
        print(f"Resumed from epoch {state['epoch']}")
    for epoch in range(start, args.epochs + 1):
        loss = 10.0
        for step in range(4):
            loss = 5 / epoch + random.random()
            sys.stderr.write(f"\rTraining: {25 * (step + 1)}%|{'#' * step}| loss={loss:.3f}")
        sys.stderr.write("\n")
        time.sleep(args.pause)
        if epoch == args.crash_at:
            raise RuntimeError("CTC loss is inf for 3 utterances")
        if epoch == 2:
            warnings.warn("lr_scheduler.step() called before optimizer.step()")
        wer = validate(epoch, args)
        best = min(best, wer)
        print(
            f"Epoch {epoch:3d}/{args.epochs} | Train Loss: {loss:.4f} | Val Loss: {loss + 1:.4f} "
            f"| Val WER: {wer:.2f}% | LR: {args.learning_rate:.2e}"
        )
        path = os.path.join(args.output_dir, "checkpoint_latest.pth")
        with open(path + ".tmp", "wb") as f:
            pickle.dump({"epoch": epoch, "best": best}, f)
        os.replace(path + ".tmp", path)
    print(f"Done. Best Val WER: {best:.2f}%")


if __name__ == "__main__":
    main()
