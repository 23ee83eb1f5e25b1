"""`python3 -m source [--check]` in `grafana/`: writes the dashboards and rules, or compares them.

Exit status: 0 all is written or up to date, 1 a file differs, 2 bad usage, 3 a package is missing.
"""

import sys

MISSING_PACKAGE = 3


def main(arguments: list[str]) -> int:
    if arguments not in ([], ["--check"]):
        print("usage: grafana/generate [--check]", file=sys.stderr)
        return 2
    try:
        import grafana_foundation_sdk  # noqa: F401
        import yaml  # noqa: F401
    except ImportError as error:
        print(f"missing: {error.name}; see grafana/source/requirements.txt", file=sys.stderr)
        return MISSING_PACKAGE
    from . import boards, output, rules

    files = output.dashboards(boards.ALL) | output.rules(rules.ALL)
    return output.check(files) if arguments else output.write(files)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
