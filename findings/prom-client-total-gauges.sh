#!/usr/bin/env bash
# prom-client 15.1.3: three of the default metrics are gauges whose names end in _total.
#
# Guess before running: the default metrics follow Prometheus' own naming rules, in which _total is
# the suffix of counters, so a name that ends in _total is of type counter.
# Seen: nodejs_active_resources_total, nodejs_active_handles_total and nodejs_active_requests_total
# are gauges, in the text format and in OpenMetrics too. `promtool check metrics` exits with 3 for
# them, and rate() of them, which a dashboard offers for the suffix, has no meaning.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --ignore-scripts --no-audit --no-fund prom-client@15.1.3
cat > run.mjs <<'END'
import { collectDefaultMetrics, Registry } from 'prom-client'

for (const [format, contentType] of Object.entries({
  text: Registry.PROMETHEUS_CONTENT_TYPE,
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
})) {
  const register = new Registry(contentType)
  collectDefaultMetrics({ register })
  const gauges = (await register.metrics()).match(/^# TYPE \S+_total gauge$/gm) ?? []
  console.log(`${format}: ${gauges.map((line) => line.split(' ')[2]).sort().join(' ')}`)
}
END
seen=$(node run.mjs)
names='nodejs_active_handles_total nodejs_active_requests_total nodejs_active_resources_total'
echo "prom-client 15.1.3, node $(node --version)"
echo "$seen"
[ "$seen" = "text: $names"$'\n'"openmetrics: $names" ] || { echo 'the behaviour changed'; exit 1; }
