"""PromQL that several panels and rules share. Every function returns an expression as text.

Two rules hold everywhere. Several replicas of the exporter serve the same numbers, so that `max by`
the ids comes before any sum. And a name is joined through `one_name`, because replicas may disagree
about it for as long as `names.refresh`, and two names for one id are an error in PromQL.
"""

import textwrap

IDS = {
    "account": ("account",),
    "skill": ("account", "skill"),
    "agent": ("account", "agent"),
    "group": ("account", "group"),
    "skill_agent": ("account", "skill", "agent"),
}
# What the chosen accounts are in every dashboard.
ACCOUNTS = 'account=~"$account"'


def selector(name: str, *matchers: str) -> str:
    """`name{matcher, ...}`, without braces when there is no matcher."""
    matching = ", ".join(m for m in matchers if m)
    return f"{name}{{{matching}}}" if matching else name


def indented(expression: str) -> str:
    return textwrap.indent(expression, "  ")


def call(function: str, *arguments: str) -> str:
    """A function or an aggregation; on several lines where one would be long."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= 100 and "\n" not in line:
        return line
    return f"{function}(\n" + ",\n".join(map(indented, arguments)) + "\n)"


def once(by: tuple[str, ...], expression: str) -> str:
    """One value for each of `by`, however many replicas serve it."""
    return call(f"max by ({', '.join(by)}) ", expression)


def summed(by: tuple[str, ...], expression: str) -> str:
    return call(f"sum by ({', '.join(by)}) ", expression) if by else call("sum", expression)


def grouped(expression: str) -> str:
    """In parentheses on lines of their own."""
    return f"(\n{indented(expression)}\n)"


def either(first: str, *others: str) -> str:
    """The first expression that has a value, for each set of labels."""
    return "\nor\n".join([first, *others])


def ratio(part: str, whole: str) -> str:
    """A quotient that is absent where there is nothing to divide by."""
    return f"{part}\n/\n({whole} > 0)"


def one_name(level: str, *matchers: str) -> str:
    """One name for each id, also while replicas disagree after a rename."""
    ids = IDS[level]
    names = once((*ids, "name"), selector(f"liveperson_{level}_info", *matchers))
    return call(f"topk by ({', '.join(ids)}) ", "1", names)


def with_names(level: str, values: str, *matchers: str) -> str:
    """`values`, which have the ids of `level`, with the label `name`: the id where no name is known.

    -1 is LivePerson's skill of chats without a skill.
    """
    ids = ", ".join(IDS[level])
    unnamed = f'label_replace({values}, "name", "$1", "{level}", "(.+)")'
    if level == "skill":
        unnamed = f'label_replace({unnamed}, "name", "Unassigned", "skill", "-1")'
    named = f"({values})\n* on ({ids}) group_left (name)\n{one_name(level, *matchers)}"
    return either(named, f"on ({ids}) {unnamed}")
