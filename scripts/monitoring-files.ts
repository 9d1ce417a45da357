import { alertRules } from './alert-rules.ts'
import { panels } from './grafana-panels.ts'

const rulesHead = '# Written by scripts/generate-monitoring.ts from scripts/alert-rules.ts.\n'

/** A text of YAML: JSON strings are valid there. */
const quoted = (text: string): string => JSON.stringify(text)

/** Returns the rules in the format of Prometheus. */
export const formatRules = (): string =>
  `${rulesHead}groups:\n  - name: tony\n    rules:\n${alertRules
    .map(
      ({ name, expr, holds, severity, summary, action }) => `      - alert: ${name}
        expr: ${quoted(expr)}
        for: ${holds}
        labels:
          severity: ${severity}
        annotations:
          summary: ${quoted(summary)}
          action: ${quoted(action)}
`,
    )
    .join('')}`

const panelWidth = 12
const panelHeight = 8
const gridColumns = 24

/** Returns the dashboard of Grafana. */
export function formatDashboard(): string {
  const dashboard = {
    title: 'Tony MCP',
    uid: 'tony-mcp',
    schemaVersion: 39,
    time: { from: 'now-1h', to: 'now' },
    refresh: '15s',
    templating: { list: [{ name: 'source', type: 'datasource', query: 'prometheus' }] },
    panels: panels.map(({ title, unit, queries }, index) => ({
      id: index + 1,
      type: 'timeseries',
      title,
      datasource: { type: 'prometheus', uid: '$source' },
      gridPos: {
        w: panelWidth,
        h: panelHeight,
        x: (index * panelWidth) % gridColumns,
        y: Math.floor((index * panelWidth) / gridColumns) * panelHeight,
      },
      fieldConfig: { defaults: { unit }, overrides: [] },
      targets: Object.entries(queries).map(([legendFormat, expr], number) => ({
        refId: String.fromCharCode('A'.charCodeAt(0) + number),
        expr,
        legendFormat,
      })),
    })),
  }
  return `${JSON.stringify(dashboard, null, 2)}\n`
}

/** The generated files by their paths in the repository. */
export const monitoringFiles: Readonly<Record<string, () => string>> = {
  'deploy/prometheus/rules.yml': formatRules,
  'deploy/grafana/tony-mcp.json': formatDashboard,
}
