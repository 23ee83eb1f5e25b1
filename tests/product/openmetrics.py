"""Reads a page with the strict OpenMetrics parser of prometheus_client and says what is in it.

One line for each family: its name, type, unit and number of samples. A page that is not right ends
it with the parser's complaint and status 1.
"""

import sys

sys.path.insert(0, sys.argv[1])

from prometheus_client.openmetrics.parser import text_string_to_metric_families

page = sys.stdin.buffer.read().decode("utf-8")
for family in text_string_to_metric_families(page):
    print(family.name, family.type, family.unit or "-", len(family.samples))
