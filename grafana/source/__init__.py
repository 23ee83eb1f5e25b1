"""The one source of the dashboards and rules in `grafana/`; `grafana/generate` writes them.

| module | has |
|---|---|
| `promql` | expressions that several panels and rules share |
| `texts` | words, units and limits that stand in several places |
| `panels` | panels, variables and links as these dashboards use them, on Grafana's own builders |
| `boards/<name>` | one dashboard each |
| `rules/<name>` | one file of rules each |
| `output` | JSON and YAML as they are written, and the comparison with the files |

It imports nothing of the exporter: names of series are checked against the program by
`tests/documents`, and every query by a real Prometheus in `tests/product/dashboards`.
"""
