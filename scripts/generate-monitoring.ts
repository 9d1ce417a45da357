/** Writes the rules of Prometheus and the dashboard of Grafana from their data. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { monitoringFiles } from './monitoring-files.ts'

for (const [path, format] of Object.entries(monitoringFiles)) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, format())
}
