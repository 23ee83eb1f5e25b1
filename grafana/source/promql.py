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
    """`name{matcher, ...}`."""
    chosen = ", ".join(matcher for matcher in matchers if matcher)
    return f"{name}{{{chosen}}}" if chosen else name


def indented(expression: str) -> str:
    return textwrap.indent(expression, "  ")


def call(function: str, *arguments: str) -> str:
    """A function or an aggregation; on several lines where one would be long."""
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= 110 and "\n" not in line:
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


def limit_as_label(values: str) -> str:
    """`values` with the upper limits of their buckets as `limit`, in whole seconds."""
    return call("label_replace", values, '"limit"', '"$1"', '"le"', '"(.+)[.]0"')


def on_ids(level: str) -> str:
    return f"on ({', '.join(IDS[level])})"


def top(count: str, expression: str) -> str:
    return call("topk", count, expression)


def unless_empty(expression: str, otherwise: str) -> str:
    """The second expression only when the first has no value at all."""
    return f"{expression}\nor on () {otherwise}"


def ratio(part: str, whole: str) -> str:
    """A quotient that is absent where there is nothing to divide by."""
    return f"{part}\n/\n({whole} > 0)"


def one_name(level: str, *matchers: str, at: str = "") -> str:
    """One name for each id, also while replicas disagree after a rename: that of the replica whose
    configuration was loaded last, so that everything shows the same one. Its value is 1.

    `at` is a modifier such as ` @ end()`.
    """
    ids = ", ".join(IDS[level])
    info = selector(f"liveperson_{level}_info", *matchers) + at
    loaded = f"liveperson_exporter_config_last_reload_success_timestamp_seconds{at}"
    dated = once((*IDS[level], "name"), f"{info}\n* on (job, instance) group_left ()\n{loaded}")
    return call(f"topk by ({ids}) ", "1", dated) + " > bool 0"


def with_names(level: str, values: str, *matchers: str, label: str = "name") -> str:
    """`values`, which have the ids of `level`, with their names as `label`: the id where none is known.

    They are the names of the end of the time range, so that an id that was renamed has one line in a
    chart. -1 is LivePerson's skill of chats without a skill.
    """
    ids = ", ".join(IDS[level])
    unnamed = f'label_replace({values}, "{label}", "$1", "{level}", "(.+)")'
    if level == "skill":
        unnamed = f'label_replace({unnamed}, "{label}", "Unassigned", "skill", "-1")'
    names = f"({one_name(level, *matchers, at=' @ end()')})"
    if label != "name":
        names = f'label_replace({names}, "{label}", "$1", "name", "(.+)")'
    named = f"({values})\n* on ({ids}) group_left ({label})\n{names}"
    return either(named, f"on ({ids}) {unnamed}")
