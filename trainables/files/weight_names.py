"""Which weight of another program's model is which of ours: by name, else by shape and order.

A weight is not matched alone. Weights are gathered into modules (a linear layer, a norm, one layer
of an LSTM), and modules of one shape are matched by the numbers in their names. Where that leaves
a choice, nothing is matched: two layers taken for each other give a model that runs and is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch

from trainables.errors import CheckpointError

_RECURRENT = re.compile(r"(weight|bias)_(ih|hh)_l(\d+)(_reverse)?$")
_MOST = 6

Signature = tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True)
class WeightMap:
    """What each weight of ours is in the other program.

    Attributes:
        theirs: Their names by ours, in our order.
        by_name: Whether all names are the same.
        lines: What was matched, one line per module.
    """

    theirs: Mapping[str, str]
    by_name: bool
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    """Weights of one layer.

    Attributes:
        name: Its name, the number of an LSTM's layer included.
        leaves: Full names of its weights by what they are: weight, bias, weight_ih_reverse.
        signature: What they are, and their shapes.
    """

    name: str
    leaves: Mapping[str, str]
    signature: Signature

    @property
    def pattern(self) -> str:
        """Its name with # for each number: what the layers of one stack share."""
        return re.sub(r"\d+", "#", self.name)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers in its name, by which the layers of a stack are ordered."""
        return tuple(map(int, re.findall(r"\d+", self.name)))


def match_weights(
    ours: Mapping[str, torch.Tensor],
    theirs: Mapping[str, torch.Tensor],
    given: Mapping[str, str] | None = None,
) -> WeightMap:
    """Finds what each of our weights is called there.

    Args:
        ours: A model's state dict.
        theirs: The other program's.
        given: Their names of modules by ours, as a person says them; come first.

    Raises:
        CheckpointError: Shapes do not fit, or it is not certain; every open question is listed.
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in ours.items()}
    if shapes == {name: tuple(tensor.shape) for name, tensor in theirs.items()}:
        return WeightMap({name: name for name in ours}, True, ())
    mine, other = _modules(ours), _modules(theirs)
    pairs = _given(mine, other, dict(given or {}))
    problems: list[str] = []
    pairs += _of_one_name(mine, other, {id(one) for pair in pairs for one in pair})
    taken = {id(one) for pair in pairs for one in pair}
    signatures = dict.fromkeys(one.signature for one in (*mine, *other))
    for signature in signatures:
        a = [one for one in mine if one.signature == signature and id(one) not in taken]
        b = [one for one in other if one.signature == signature and id(one) not in taken]
        pairs += _of_one_shape(a, b, problems)
    if problems:
        raise CheckpointError(
            "it is not certain which weight is which:\n  " + "\n  ".join(problems),
            hint="--match THEIRS=OURS maps a module; --config must give the sizes of the weights.",
        )
    place = {name: number for number, name in enumerate(ours)}
    found = {a.leaves[leaf]: b.leaves[leaf] for a, b in pairs for leaf in a.leaves}
    ordered = dict(sorted(found.items(), key=lambda item: place[item[0]]))
    by_place = sorted(pairs, key=lambda pair: min(place[name] for name in pair[0].leaves.values()))
    lines = tuple(f"{b.name} -> {a.name}  {_shown(a.signature)}" for a, b in by_place)
    return WeightMap(ordered, False, lines)


def _of_one_name(
    mine: Sequence[_Module], other: Sequence[_Module], taken: set[int]
) -> list[tuple[_Module, _Module]]:
    """Pairs of equal names and shapes, a part in front that all of theirs share left out.

    Of a stack all names must agree: layers that are counted from 1 there would else be taken for
    their neighbours.
    """
    firsts = {one.name.partition(".")[0] for one in other}
    front = f"{firsts.pop()}." if len(firsts) == 1 else ""
    stacks, others = _stacks(mine), _stacks(other)
    pairs: list[tuple[_Module, _Module]] = []
    for pattern, stack in stacks.items():
        partner = others.get(f"{front}{pattern}", others.get(pattern, []))
        named = {one.name.removeprefix(front): one for one in partner}
        same = {one.name for one in stack} == set(named)
        if same and all(one.signature == named[one.name].signature for one in stack):
            pairs += [(one, named[one.name]) for one in stack]
    return [(a, b) for a, b in pairs if id(a) not in taken and id(b) not in taken]


def _of_one_shape(
    mine: Sequence[_Module], other: Sequence[_Module], problems: list[str]
) -> list[tuple[_Module, _Module]]:
    """Pairs of modules of one shape; what is not certain is noted."""
    if len(mine) != len(other):
        shape = _shown((mine or other)[0].signature)
        problems.append(
            f"{shape}: ours has {_listed(mine) or 'none'}, theirs {_listed(other) or 'none'}"
        )
        return []
    stacks, others = _stacks(mine), _stacks(other)
    sizes, other_sizes = (sorted(map(len, each.values())) for each in (stacks, others))
    if sizes != other_sizes or len(set(sizes)) < len(sizes):
        shape = _shown(mine[0].signature)
        problems.append(f"{shape}: {_listed(other)} may be any of {_listed(mine)}")
        return []
    pairs: list[tuple[_Module, _Module]] = []
    for stack in stacks.values():
        partner = next(one for one in others.values() if len(one) == len(stack))
        if len(partner) > 1 and len({one.numbers for one in partner}) < len(partner):
            problems.append(f"{_listed(partner)} have no numbers that give their order")
            continue
        ordered = (sorted(each, key=lambda one: one.numbers) for each in (stack, partner))
        pairs += zip(*ordered, strict=True)
    return pairs


def _modules(weights: Mapping[str, torch.Tensor]) -> list[_Module]:
    """Weights gathered into modules, in the order in which these begin."""
    groups: dict[str, dict[str, str]] = {}
    for name in weights:
        recurrent = _RECURRENT.search(name)
        if recurrent:
            kind, gate, layer, reverse = recurrent.groups()
            above = name[: recurrent.start()].rstrip(".")
            module, leaf = f"{above}.l{layer}" if above else f"l{layer}", f"{kind}_{gate}"
            leaf += reverse or ""
        else:
            module, _, leaf = name.rpartition(".")
        groups.setdefault(module, {})[leaf] = name
    return [
        _Module(
            module,
            leaves,
            tuple(sorted((leaf, tuple(weights[name].shape)) for leaf, name in leaves.items())),
        )
        for module, leaves in groups.items()
    ]


def _stacks(modules: Iterable[_Module]) -> dict[str, list[_Module]]:
    found: dict[str, list[_Module]] = {}
    for module in modules:
        found.setdefault(module.pattern, []).append(module)
    return found


def _given(
    mine: Sequence[_Module], other: Sequence[_Module], given: Mapping[str, str]
) -> list[tuple[_Module, _Module]]:
    """Pairs that a person named, their shapes compared.

    Raises:
        CheckpointError: A name is not there, or the shapes differ.
    """
    ours, theirs = ({one.name: one for one in each} for each in (mine, other))
    pairs = []
    for their_name, our_name in given.items():
        for name, known, what in ((their_name, theirs, "their"), (our_name, ours, "our")):
            if name not in known:
                raise CheckpointError(
                    f"--match {their_name}={our_name}: {name!r} is not one of {what} modules",
                    hint=f"They are: {', '.join(known)}.",
                )
        a, b = ours[our_name], theirs[their_name]
        if a.signature != b.signature:
            raise CheckpointError(
                f"--match {their_name}={our_name}: {_shown(b.signature)} is not "
                f"{_shown(a.signature)}"
            )
        pairs.append((a, b))
    return pairs


def _listed(modules: Sequence[_Module]) -> str:
    names = [one.name for one in modules[:_MOST]]
    return ", ".join(names) + (f" and {len(modules) - _MOST} more" if len(modules) > _MOST else "")


def _shown(signature: Signature) -> str:
    return " ".join(f"{leaf}{list(shape)}" for leaf, shape in signature[:2]) + (
        f" and {len(signature) - 2} more" if len(signature) > 2 else ""
    )
