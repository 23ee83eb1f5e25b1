"""The files of rules by name: each function returns the comment at the top and the groups."""

from collections.abc import Callable

ALL: dict[str, Callable[[], tuple[str, list[dict]]]] = {}
