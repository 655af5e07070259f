"""Command-line parsing whose errors are one line and name the nearest valid spelling."""

import argparse
import dataclasses
import re
import sys
import typing
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from dagsmith.settings import SearchSettings, plain_type
from dagsmith.space.errors import nearest


class Parser(argparse.ArgumentParser):
    """An argument parser that explains an unknown option by the nearest valid one.

    Abbreviations are not accepted: a job that is resumed months later must mean the same.
    """

    def __init__(self, prog: str, description: str) -> None:
        super().__init__(
            prog=prog,
            description=description,
            allow_abbrev=False,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """Parse, or leave with status 2 and one line on standard error."""
        for word in arguments:
            # Looked at first: a misspelt option is a better answer than what it leaves missing.
            spelled = word.split("=")[0]
            if spelled.startswith("--") and spelled not in self.options:
                self.error(f"unknown option {spelled}; {nearest_option(spelled, self.options)}")
        values, unknown = self.parse_known_args(arguments)
        if unknown:
            self.error(f"unexpected argument {unknown[0]!r}")
        return values

    @property
    def options(self) -> list[str]:
        """All long options."""
        spelled = [name for action in self._actions for name in action.option_strings]
        return [name for name in spelled if name.startswith("--")]

    def error(self, message: str) -> NoReturn:
        """Leave with status 2 and one line."""
        unknown = re.match(
            r"argument (\S+): invalid choice: '([^']*)' \(choose from (.*)\)", message
        )
        if unknown:
            option, given, choices = unknown.groups()
            names = [name.strip(" '\"") for name in choices.split(",")]
            message = f"{option} has no choice {given!r}; {nearest(given, names)}"
        wrong = re.match(r"argument (\S+): invalid (int|float) value: (.*)", message)
        if wrong:
            expected = {"int": "a whole number", "float": "a number"}[wrong[2]]
            message = f"{wrong[1]} is {wrong[3]}; expected {expected}"
        print(f"error: {message}", file=sys.stderr)
        raise SystemExit(2)


def nearest_option(spelled: str, options: Sequence[str]) -> str:
    """Name the option nearest to `spelled`, or point to the help."""
    guess = nearest(spelled, options)
    return guess.replace("'", "") if guess.startswith("did") else "see --help"


def add_settings(parser: Parser, only: Mapping[str, str] | None = None) -> None:
    """Give `parser` one option per field of `SearchSettings`.

    What the user did not give stays None, so that a settings file can stand below the options.

    Args:
        parser: gets the options.
        only: the fields to give, and what each is called there; None is all, by their names.
    """
    hints = typing.get_type_hints(SearchSettings)
    for field in dataclasses.fields(SearchSettings):
        if only is not None and field.name not in only:
            continue
        name = "--" + (only or {}).get(field.name, field.name).replace("_", "-")
        text = field.metadata["help"]
        kind, several = plain_type(hints[field.name])
        shown = field.default if field.default not in (None, ()) else None
        described = text if shown is None or kind is bool else f"{text} (default: {shown})"
        choices: Any = field.metadata["choices"] or None
        if kind is bool:
            parser.add_argument(
                name,
                action="store_const",
                const=True,
                default=argparse.SUPPRESS,
                dest=field.name,
                help=described,
            )
        elif several:
            separated = f"{described}; several may follow, or stand with commas between"
            parser.add_argument(
                name,
                nargs="+",
                default=argparse.SUPPRESS,
                dest=field.name,
                metavar=_meta(field.name),
                help=separated,
            )
        else:
            parser.add_argument(
                name,
                type=kind,
                choices=choices,
                default=argparse.SUPPRESS,
                dest=field.name,
                metavar=None if choices else _meta(field.name),
                help=described,
            )


def given_settings(parser: Parser, values: argparse.Namespace) -> dict[str, Any]:
    """The settings that the user gave as options, as `SearchSettings.from_dict` reads them."""
    hints = typing.get_type_hints(SearchSettings)
    given: dict[str, Any] = {}
    for field in dataclasses.fields(SearchSettings):
        if not hasattr(values, field.name):
            continue
        value = getattr(values, field.name)
        kind, several = plain_type(hints[field.name])
        if several:
            texts = [text for word in value for text in word.split(",") if text]
            try:
                value = [kind(text) for text in texts]
            except ValueError:
                parser.error(
                    f"--{field.name} expects {kind.__name__} values, not {','.join(texts)}"
                )
        given[field.name] = value
    return given


def _meta(name: str) -> str:
    upper = {
        "predictor_store": "DIR",
        "data": "PATH",
        "valid": "PATH",
        "test": "PATH",
        "storage": "URL",
        "drop": "COL",
        "time_column": "COL",
        "schema": "FILE",
        "technology": "FILE",
        "limit": "COST=N",
        "transfer": "TABLE",
    }
    return upper.get(name, "N" if name not in ("label", "study", "objectives") else name.upper())
