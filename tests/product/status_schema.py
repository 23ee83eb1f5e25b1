"""Validates JSON documents, one a line of standard input, against a JSON schema.

Arguments: the folder of the packages, the schema. Prints every mistake with its place; the exit status says
whether there was none.
"""

import json
import sys

sys.path.insert(0, sys.argv[1])

from jsonschema import Draft202012Validator  # noqa: E402

with open(sys.argv[2], encoding="utf-8") as file:
    schema = json.load(file)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
mistakes = [
    f"document {number}, {error.json_path}: {error.message}"
    for number, line in enumerate(sys.stdin, 1)
    for error in validator.iter_errors(json.loads(line))
]
print("\n".join(mistakes))
sys.exit(bool(mistakes))
