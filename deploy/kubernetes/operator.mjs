// Checks documents of the Prometheus operator against its schemas: node operator.mjs DOCUMENTS.json
import { readFileSync } from "node:fs";
import { PodMonitor, ServiceMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const kinds = { PodMonitor, ServiceMonitor };
for (const document of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  new kinds[document.kind](document).validate();
  console.log(`${document.kind}/${document.metadata.name}: valid`);
}
