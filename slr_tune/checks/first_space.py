"""A first search-space file for a script: from its `--help` and a short run of it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from slr_tune.checks.script_figures import ScriptFigures, figures_in
from slr_tune.errors import SlrTuneError
from slr_tune.space.ranges import FirstRange, first_range, value_text
from slr_tune.training.scratch import scratch_folder
from slr_tune.training.workers import gpus_here
from trainables.errors import TrainablesError
from trainables.script.command import Filling, arguments, environment
from trainables.script.config_file import read_template, write_config
from trainables.script.help_text import (
    ScriptOption,
    checkpoint_name,
    keys_of,
    options_in,
    subcommand_in,
    with_declared,
)
from trainables.script.process import ScriptProcess, last_lines
from trainables.script.spec import ConfigTemplate, MetricSources, ScriptSpec

_EPOCHS = re.compile(r"^(max_|num_|n_|nb_|total_|train(ing)?_)*epochs?$|^num_train_epochs$")
_SEED = re.compile(r"^(random_|rng_|manual_|global_)?seed$|^seed_everything$")
_FOLDER = re.compile(
    r"^(out(put)?|save|log(ging)?|checkpoints?|ckpt|work|run|exp(eriment)?|results?|model|"
    r"tensorboard|tb|default_root)_?(dir|folder|path|root)$|^out(put)?$|^outdir$"
)
_RESUME = re.compile(r"resume|restore|continue")
_CONFIG = re.compile(r"^(config|cfg|conf)(_?(file|path))?$|^hparams$|^yaml$")
_HELP_SECONDS = 120.0
_POLL_SECONDS = 0.05
_EPOCHS_TRIED = 2
_BY_HAND = "Write the space by hand: docs/own-run.md."


@dataclass
class _Draft:
    """What is known of the script so far.

    Attributes:
        words: The command as it was given, without what is filled in.
        title: The study's name.
        arguments: Words that are added to it.
        ranges: What is searched, by dotted name.
        config: Its configuration file, where it has one.
        set: Keys of that file that get what is ours.
        resume: Arguments to continue with, `FILE` where the file's name goes.
        epochs: Of its default.
        left: Options that stay as they are.
        source: Its lines.
    """

    words: list[str]
    title: str
    arguments: list[str] = field(default_factory=list)
    ranges: dict[str, FirstRange] = field(default_factory=dict)
    config: Path | None = None
    set: dict[str, str] = field(default_factory=dict)
    resume: str | None = None
    epochs: int | None = None
    left: list[str] = field(default_factory=list)
    source: str = ""


@dataclass(frozen=True)
class FirstSpace:
    """A first search-space file.

    Attributes:
        name: Of the study.
        text: What is in the file.
        notes: What a person should know.
    """

    name: str
    text: str
    notes: tuple[str, ...]


def first_space(
    given: str, *, seconds: float, file: Path | None = None, tell: Callable[[str], None]
) -> FirstSpace:
    """Makes a search-space file for a script.

    Args:
        given: The script, or its command line as it is typed.
        seconds: Time that it may run to show where it reports its figures; 0 does not run it.
        file: The file that is going to be written, None for one of the study's name.
        tell: Takes a line before the script is run.

    Raises:
        SlrTuneError: It cannot be started, or shows nothing to search.
    """
    draft = _read_options(given)
    if not draft.ranges:
        raise SlrTuneError(
            f"{given}: no option has a name and a default from which a range can be derived",
            hint=f"{_BY_HAND} If the settings are in a file, give it: "
            f"--from '{given} --config FILE'.",
        )
    notes: list[str] = []
    found = ScriptFigures({}, None, False, None, None)
    if seconds:
        tell(f"Running {given} for two epochs, at most {seconds:g} s")
        found = _tried(draft, seconds, notes)
    if found.metric is None:
        notes.append(
            "metrics: the expression is a guess; change it until slr-tune verify finds the metric"
        )
    if "{seed}" not in " ".join([*draft.arguments, *draft.set.values()]):
        notes.append(
            "no option for the seed was found; you can pass it as environment: {SEED: '{seed}'}"
        )
    name = str(file or f"{draft.title}.yaml")
    return FirstSpace(draft.title, _text(draft, found, given, name), tuple(notes))


def _read_options(given: str) -> _Draft:
    words = shlex.split(given)
    if words and words[0].endswith(".py"):
        words.insert(0, "python" if shutil.which("python") else sys.executable)
    if not words:
        raise SlrTuneError("--from is empty", hint="slr-tune init --from train.py")
    script = next((word for word in words if word.endswith(".py")), None)
    if script is not None and not Path(script).is_file():
        raise SlrTuneError(
            f"there is no file {script}", hint=f"The current folder is {Path.cwd()}."
        )
    typed = words.index(script) + 1 if script else len(words)
    while typed < len(words) and not words[typed].startswith("-") and "=" not in words[typed]:
        typed += 1
    base, own = words[:typed], words[typed:]
    help_text = _help(base)
    if (command := subcommand_in(help_text)) and command not in base:
        base.append(command)
        help_text = _help(base)
    source = Path(script).read_text(encoding="utf-8", errors="replace") if script else ""
    options = with_declared(options_in(help_text), source)
    title = Path(script or words[0]).stem
    draft = _Draft([*base, *own], re.sub(r"[^A-Za-z0-9._-]", "-", title), source=source)
    if not options:
        last = "\n  ".join(help_text.strip().splitlines()[-3:])
        raise SlrTuneError(f"{' '.join(base)} --help shows no options:\n  {last}", hint=_BY_HAND)
    for option in options:
        _sort_in(draft, option, own)
    return draft


def _help(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            [*words, "--help"],
            capture_output=True,
            text=True,
            timeout=_HELP_SECONDS,
            stdin=subprocess.DEVNULL,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as error:
        here = words[0] if Path(words[0]).is_file() else ""
        hint = f"As in a shell: --from './{here}', or --from 'bash {here}'." if here else ""
        raise SlrTuneError(f"{' '.join(words)} --help: {error}", hint=hint) from error
    if done.returncode and not options_in(done.stdout):
        last = (done.stderr.strip().splitlines() or ["nothing was said"])[-1]
        message = f"{' '.join(words)} --help ended with {done.returncode}: {last}"
        raise SlrTuneError(message, hint=_BY_HAND)
    return done.stdout or done.stderr


def _sort_in(draft: _Draft, option: ScriptOption, own: Sequence[str]) -> None:
    """Finds what an option is for."""
    name = option.plain_name
    if _CONFIG.search(name) and option.kind == "text":
        _take_config(draft, option, own)
    elif option.flag in own or any(word.startswith(f"{option.flag}=") for word in own):
        return  # given with the command; it stays
    elif _EPOCHS.search(name):
        draft.epochs = option.default if isinstance(option.default, int) else None
        draft.arguments += _argument(option, "{max_epochs}")
    elif _SEED.search(name) and option.kind != "switch":
        draft.arguments += _argument(option, "{seed}")
    elif _RESUME.search(name) and not option.flag.endswith("="):
        draft.resume = option.flag if option.kind == "switch" else f"{option.flag} FILE"
    elif _FOLDER.search(name) and option.kind == "text":
        draft.arguments += _argument(option, "{folder}")
    else:
        _search(draft, option)


def _search(draft: _Draft, option: ScriptOption) -> None:
    found = first_range(option)
    if found is None:
        shown = "" if option.default is None else f" {option.default}"
        draft.left.append(f"{option.flag}{shown}")
        return
    name = option.name.replace("-", "_")
    draft.ranges[name] = found
    draft.arguments += _argument(option, f"{{{name}}}")


def _argument(option: ScriptOption, value: str) -> list[str]:
    return [f"{option.flag}{value}"] if option.flag.endswith("=") else [option.flag, value]


def _take_config(draft: _Draft, option: ScriptOption, own: Sequence[str]) -> None:
    """The script's own file of settings: written for each run from the one there is."""
    given = option.default
    if option.flag in own[:-1]:
        place = own.index(option.flag)
        given = own[place + 1]
        at = len(draft.words) - len(own) + place
        del draft.words[at : at + 2]
    beside = next((Path(word).parent for word in draft.words if word.endswith(".py")), Path())
    paths = [Path(str(given)), beside / str(given)] if given else []
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        return
    try:
        content = read_template(path)
    except TrainablesError as error:
        raise SlrTuneError(f"{option.flag}: {error.message}", hint=error.hint) from error
    draft.config = path
    draft.arguments += _argument(option, f"{{folder}}/config{path.suffix}")
    for key in keys_of(content):
        name = key.plain_name
        if _EPOCHS.search(name):
            draft.epochs = key.default if isinstance(key.default, int) else None
            draft.set[key.name] = "{max_epochs}"
        elif _SEED.search(name):
            draft.set[key.name] = "{seed}"
        elif _FOLDER.search(name) and isinstance(key.default, str):
            draft.set[key.name] = "{folder}"
        elif (found := first_range(key)) is not None:
            draft.ranges[key.name] = found


def _tried(draft: _Draft, seconds: float, notes: list[str]) -> ScriptFigures:
    """Runs the script for two epochs with its defaults, and looks at what it wrote."""
    with scratch_folder() as scratch:
        values: dict[str, Any] = {name: found.default for name, found in draft.ranges.items()}
        config = {**_nested(values), "max_epochs": _EPOCHS_TRIED}
        filling = Filling(config, seed=0, folder=scratch / "output")
        filling.folder.mkdir()
        script = _script(draft)
        if script.config is not None:
            write_config(script.config, filling)
        log = scratch / "output.log"
        process = ScriptProcess(arguments(script, filling), log, script.stop_seconds)
        process.start(working_folder=Path.cwd(), environment=environment(script, filling))
        until = time.monotonic() + seconds
        ended = process.end()
        while ended is None and time.monotonic() < until:
            time.sleep(_POLL_SECONDS)
            ended = process.end()
        process.stop()
        if ended is None:
            notes.append(
                f"the script was stopped after {seconds:g} s; what it had written by then was used"
            )
        elif ended.code:
            message = (last_lines(log, 1) or ["nothing"])[0]
            notes.append(f"a run of two epochs ended with {ended.text}: {message}")
        return figures_in(filling.folder, log)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, value in flat.items():
        here = result
        *above, last = name.split(".")
        for key in above:
            here = here.setdefault(key, {})
        here[last] = value
    return result


def _script(draft: _Draft) -> ScriptSpec:
    config = None
    if draft.config is not None:
        file = f"{{folder}}/config{draft.config.suffix}"
        content = read_template(draft.config)
        config = ConfigTemplate(file, str(draft.config), dict(draft.set), content)
    return ScriptSpec([*draft.words, *draft.arguments], MetricSources(stdout="."), config=config)


def _text(draft: _Draft, found: ScriptFigures, given: str, file: str) -> str:
    """The file."""
    epochs = draft.epochs or 20
    lines = [
        f"# A first space for {given}: check every range before you use it.",
        f"# slr-tune verify {shlex.quote(file)} && slr-tune run {shlex.quote(file)}",
        f"study: {draft.title}",
        "trainable:",
        f"  command: {_quoted(' '.join(_shell(w) for w in (*draft.words, *draft.arguments)))}",
    ]
    lines += _metric_lines(found)
    if draft.resume is not None:
        lines.append(_resume_line(draft, found))
    if draft.config is not None:
        settings = {
            "file": f"{{folder}}/config{draft.config.suffix}",
            "template": str(draft.config),
        }
        lines += ["  config:", *(f"    {key}: {_quoted(value)}" for key, value in settings.items())]
        if draft.set:
            flow = ", ".join(f"{key}: '{value}'" for key, value in draft.set.items())
            lines.append(f"    set: {{{flow}}}")
    if found.predictions is not None:
        lines.append(f"  predictions: {{jsonl: '{{folder}}/{found.predictions}'}}")
    metric = found.metric or "val_wer"
    direction = "maximize" if found.maximize else "minimize"
    grace = max(1, round(epochs / 9))
    budget = f"trials: 24, max_epochs: {epochs}, grace_epochs: {grace}, reduction_factor: 3"
    lines += [
        f"objective: {{metric: {metric}, direction: {direction}}}",
        f"budget: {{{budget}}}",
        # With 0 the script would see no GPU.
        f"resources: {{workers: auto, cpus_per_trial: 1, gpus_per_trial: {min(1, gpus_here())}}}",
        "space:",
        *_block(_nested({name: r.text for name, r in draft.ranges.items()})),
        "baseline:  # the script's defaults",
        *_block(_nested({name: value_text(r.default) for name, r in draft.ranges.items()})),
    ]
    if draft.left:
        lines.append(f"# Left as the script has them: {', '.join(draft.left)}")
    return "\n".join(lines) + "\n"


def _metric_lines(found: ScriptFigures) -> list[str]:
    if found.metric is None:
        guess = r"[Ee]poch\D*(?P<epoch>\d+).*WER\D*(?P<val_wer>[\d.]+)"
        return [f"  metrics: {{stdout: '{guess}'}}"]
    (kind, value), *_ = found.sources.items()
    if isinstance(value, list):
        return ["  metrics:", f"    {kind}:", *(f"      - {_quoted(text)}" for text in value)]
    return ["  metrics:", f"    {kind}: {_quoted(value)}"]


def _resume_line(draft: _Draft, found: ScriptFigures) -> str:
    assert draft.resume is not None
    if "FILE" not in draft.resume:
        return f"  resume: {_quoted(draft.resume)}"
    name = found.checkpoint or checkpoint_name(draft.source)
    if name is None:
        return f"  # resume: {draft.resume.replace('FILE', '{folder}/CHECKPOINT')}"
    return f"  resume: {_quoted(draft.resume.replace('FILE', '{folder}/' + name))}"


def _block(tree: Mapping[str, Any], indent: str = "  ") -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield f"{indent}{_quoted(key)}:"
            yield from _block(value, indent + "  ")
        else:
            yield f"{indent}{_quoted(key)}: {value}"


def _shell(word: str) -> str:
    return word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else shlex.quote(word)


def _quoted(text: str) -> str:
    """A text as YAML has it, in quotes where it needs them."""
    return yaml.safe_dump(text, width=10**6, default_style=None).removesuffix("...\n").strip()
