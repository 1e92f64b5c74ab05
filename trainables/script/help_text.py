"""Options of a script as its `--help` shows them.

That of argparse, click, typer, tyro, LightningCLI and Hydra is known.

What `--help` leaves out, above all defaults, is looked up where the script declares its options.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import yaml

_BOX = re.compile(r"[\u2500-\u257f]")
_OPTION = re.compile(r"^ {0,8}(-{1,2}[A-Za-z].*)$")
_LONG = re.compile(r"(--[A-Za-z][\w.-]*)")
_DEFAULT = re.compile(
    r"[\[(][^\[\]()]*?\bdefaults?(?: to)?[:=]?\s*"
    r"(?P<inside>[^\[\]()]*(?:\[[^\]]*\])?[^\[\]()]*)[\])]"
    r"|\bdefaults?(?: to|:|=)\s*(?P<after>[^\s,;)\]]+)",
    re.IGNORECASE,
)
_CHOICES = re.compile(r"\{([^{}]+)\}|\[([^\[\]]*\|[^\[\]]*)\]")
_KINDS = {"float": "float", "int": "int", "integer": "int", "number": "float"}
_NOT_SHOWN = ("help", "version", "install-completion", "show-completion", "print_config")


@dataclass(frozen=True)
class ScriptOption:
    """An option of a script.

    Attributes:
        name: Without dashes: `learning_rate`, `model.hidden`, `batch-size`.
        flag: As it is typed; for Hydra `name=`.
        default: Its default; None where nothing shows it.
        choices: What it may be; empty where anything may.
        kind: "int", "float", "switch" for one without a value, else "text".
        off: The switch that turns it off; empty without one.
    """

    name: str
    flag: str
    default: Any = None
    choices: tuple[Any, ...] = ()
    kind: str = "text"
    off: str = ""

    @property
    def plain_name(self) -> str:
        """As the field writes it: `batch_size` for `--data.batch-size`."""
        return self.name.rpartition(".")[2].replace("-", "_").lower()


def options_in(help_text: str) -> list[ScriptOption]:
    """Options in what a script says to `--help`."""
    if "Powered by Hydra" in help_text or "== Config ==" in help_text:
        return list(_hydra(help_text))
    found: dict[str, ScriptOption] = {}
    for head, text in _entries(help_text):
        option = _option(head, text)
        if option is not None and option.name not in _NOT_SHOWN:
            found.setdefault(option.name, option)
    return list(found.values())


def subcommand_in(help_text: str) -> str | None:
    """`fit` or `train` where the options come after such a word."""
    found = re.search(r"\{([a-z_,-]+)\}", help_text)
    words = found[1].split(",") if found else []
    return next((word for word in ("fit", "train") if word in words), None)


def with_declared(options: list[ScriptOption], source: str) -> list[ScriptOption]:
    """The options with what the script's own lines say of them: `add_argument`, `click.option`."""
    declared = dict(_declarations(source))
    result = []
    for option in options:
        facts = declared.get(option.name)
        if facts is None:
            result.append(option)
            continue
        default = facts.get("default") if option.default is None else option.default
        choices = option.choices or tuple(facts.get("choices") or ())
        kind = option.kind
        if kind == "text":
            kind = facts.get("type", "") or _kind_of(default)
        if default is not None and kind in ("int", "float") and isinstance(default, int | float):
            default = int(default) if kind == "int" else float(default)
        result.append(replace(option, default=default, choices=choices, kind=kind))
    return result


def _entries(help_text: str) -> Iterator[tuple[str, str]]:
    """What is typed, and its explanation."""
    head, message = "", ""
    lines = [_BOX.sub(" ", line).rstrip() for line in help_text.splitlines()]
    for line in lines:
        line = re.sub(r"^ (?= *-)", "", line) if line.startswith("   ") else line
        found = _OPTION.match(line)
        if found is None:
            if head and line.startswith("    "):
                message += f" {line.strip()}"
            elif head and not line.strip():
                continue
            elif head:
                yield head, message
                head = ""
            continue
        if head:
            yield head, message
        head, _, message = re.sub(r"\s{2,}", "\0", found[1].strip()).partition("\0")
        message = message.replace("\0", " ")
    if head:
        yield head, message


def _option(head: str, message: str) -> ScriptOption | None:
    names = _LONG.findall(head)
    if not names:
        return None
    flag = next((name for name in names if not name.startswith("--no-")), names[0])
    off = next((name for name in names if name.startswith(("--no-", "--no_"))), "")
    rest = _LONG.sub(" ", re.sub(r"(?<!-)-[A-Za-z]\b", " ", head)).replace("/", " ").strip(" ,=")
    # Rich puts the metavar into a column of its own.
    first, _, others = message.partition(" ")
    if not rest and (first.isupper() or first.startswith(("{", "["))) and len(first) > 2:
        is_choice = bool(_CHOICES.match(first)) or first.isupper()
        rest, message = (first, others) if is_choice else (rest, message)
    choices = _CHOICES.search(rest)
    options: tuple[Any, ...] = ()
    if choices and not set((choices[1] or choices[2]).lower().split("|")) <= set(_KINDS):
        texts = re.split(r"[,|]", choices[1] or choices[2])
        options = tuple(_value(text) for text in texts)
    kind_match = re.search(r"type: (?:<class ')?([\w.\[\]]+)", message)
    kind = _KINDS.get(rest.strip("<>[]").lower(), "")
    if kind_match:
        kind = next((_KINDS[k] for k in _KINDS if k in kind_match[1].lower()), "text")
    default = _default(message)
    if off or not rest:
        return ScriptOption(flag[2:], flag, default, (), "switch", off)
    if options == (True, False) and not kind:
        kind = "text"
    return ScriptOption(flag[2:], flag, default, options, kind or _kind_of(default))


def _default(message: str) -> Any:
    found = _DEFAULT.search(message)
    if found is None:
        return None
    text = (found["inside"] if found["inside"] is not None else found["after"]).strip()
    text = re.split(r";|, (?:type|required|env)", text)[0].strip().rstrip(".,")
    return _value(text)


def _value(text: str) -> Any:
    text = text.strip().strip("'\"")
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return {"true": True, "false": False, "none": None, "null": None, "": None}.get(
        text.lower(), text
    )


def _kind_of(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "text"
    return "int" if isinstance(value, int) else "float"


def _hydra(help_text: str) -> Iterator[ScriptOption]:
    """The configuration that Hydra prints; its settings are given as `name=value`."""
    _, _, config = help_text.partition("== Config ==")
    lines = []
    for line in config.splitlines():
        if line.startswith(("Override", "Powered", "Use --")):
            continue
        lines.append(line)
    try:
        content = yaml.safe_load("\n".join(lines))
    except yaml.YAMLError:
        return
    yield from keys_of(content if isinstance(content, dict) else {})


def keys_of(content: dict[str, Any], prefix: str = "") -> Iterator[ScriptOption]:
    """Settings of a configuration file as options, `name=` as they are typed."""
    for key, value in content.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from keys_of(value, f"{name}.")
        elif not isinstance(value, list):
            value = _value(value) if isinstance(value, str) else value
            yield ScriptOption(name, f"{name}=", value, (), _kind_of(value))


def _declarations(source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        if called not in ("add_argument", "option"):
            continue
        texts = [_literal(argument) for argument in node.args]
        names = [text for text in texts if isinstance(text, str) and text.startswith("--")]
        keywords = {word.arg: word.value for word in node.keywords if word.arg}
        facts: dict[str, Any] = {
            key: _literal(keywords[key]) for key in ("default", "choices") if key in keywords
        }
        kind = keywords.get("type")
        if isinstance(kind, ast.Name) and kind.id in ("int", "float"):
            facts["type"] = kind.id
        for name in names:
            yield name.partition("/")[0][2:], facts


def _literal(node: ast.expr) -> Any:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return None


def checkpoint_name(source: str) -> str | None:
    """The file from which a script continues, if its lines name one: the latest state."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    names = [
        text.rpartition("/")[2]
        for text in texts
        if isinstance(text, str) and re.fullmatch(r"[\w./-]+\.(pth?|ckpt|tar|pkl|npz|json)", text)
    ]
    names.sort(key=lambda name: re.search("latest|last", name) is None)
    likely = [name for name in names if re.search("latest|last|checkpoint|ckpt|state", name)]
    return likely[0] if likely else None
