"""Streams of random numbers."""

import torch

from trainables.seeding import generator, mixed_seed, torch_stream


def test_streams_do_not_meet() -> None:
    # Seed 1 epoch 2 must not be seed 2 epoch 1, nor seed 11 epoch 2 be seed 1 epoch 12.
    places = [(s, e, p) for s in range(13) for e in range(13) for p in ("model", "training")]
    assert len({mixed_seed(*place) for place in places}) == len(places)
    assert all(0 <= mixed_seed(*place) < 2**63 for place in places)


def test_a_stream_is_the_same_on_every_machine() -> None:
    # Python's own hash() changes from process to process; results would not be repeatable.
    # printf 0/1/training | sha256sum begins with this.
    assert mixed_seed(0, 1, "training") == 0x49496A9364E18732 >> 1
    assert generator(0, 1, "batches").integers(10**9) == generator(0, 1, "batches").integers(10**9)


def test_torch_stream_puts_the_generator_back() -> None:
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    first = torch.rand(1)
    with torch_stream(0, 1, "training"):
        one = torch.rand(3)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)
    with torch_stream(0, 1, "training"):
        assert torch.equal(torch.rand(3), one)
