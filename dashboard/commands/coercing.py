"""Text of the command line to values, where that takes no thought: names, lists of names, choices and folders.

Typer has pydantic do this. Importing pydantic and building a validator for each option takes a quarter of what a KPI
takes to answer, so the plain kinds are done here; every other kind, and every wrong value, is left to Typer.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

if TYPE_CHECKING:
    from collections.abc import Callable

_OTHER = object()


def spare(command: Any) -> None:
    """Have plain values of a Typer command's parameters pass without pydantic."""
    help_option = command.get_help_option
    command.get_help_option = lambda ctx: _spared(help_option(ctx))
    for parameter in command.params:
        _spared(parameter)


def _spared(parameter: Any) -> Any:
    kind = getattr(getattr(parameter, "type_descriptor", None), "annotation", None)
    if kind is not None and not isinstance(parameter.process_value, partial):
        parameter.process_value = partial(_value, parameter, _bare(kind), parameter.process_value)
    return parameter


def _bare(kind: Any) -> Any:
    """The type without `| None`, for which Typer tells an option that was not given."""
    if get_origin(kind) in (Union, UnionType):
        others = [one for one in get_args(kind) if one is not type(None)]
        return others[0] if len(others) == 1 else kind
    return kind


def _value(parameter: Any, kind: Any, otherwise: Callable[..., Any], ctx: Any, value: Any) -> Any:
    told = _plain(kind, value)
    if value is None and not parameter.required:
        told = () if parameter.multiple or parameter.nargs == -1 else None
    if told is _OTHER:
        return otherwise(ctx, value)
    return told if parameter.callback is None else parameter.callback(ctx, parameter, told)


def _plain(kind: Any, value: Any) -> Any:
    if kind is str and isinstance(value, str):
        return value
    if kind is Path and isinstance(value, str):
        return Path(value)
    if get_origin(kind) is Literal and isinstance(value, str) and value in get_args(kind):
        return value
    if kind == list[str] and isinstance(value, list | tuple) and value and all(isinstance(one, str) for one in value):
        return list(value)
    return _OTHER
