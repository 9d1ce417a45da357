/**
 * Writes the description of REST: `docs/openapi.json` as OpenAPI 3.1, and `docs/api.md` for people.
 * It needs a build. `--check` compares instead of writing.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { describeRest } from '@tony/mcp-server/api/rest/openapi'
import { type RestRoute, restRoutes } from '@tony/mcp-server/api/rest/routes'

/** Returns the fields of an input, the required ones first and in bold. */
function fieldsOf({ input, path }: RestRoute): string {
  const required = new Set(input.required)
  const names = Object.keys(input.properties ?? {}).filter((name) => !path.includes(`{${name}}`))
  const sorted = names.toSorted((a, b) => Number(required.has(b)) - Number(required.has(a)))
  return sorted.map((name) => (required.has(name) ? `**${name}**` : name)).join(', ')
}

const rows = restRoutes.map(
  (route) =>
    `| \`${route.method} ${route.path}\` | \`${route.procedure}\` | ${route.kind === 'subscription' ? 'events' : route.status} | ${fieldsOf(route)} |`,
)

const page = `# REST

\`scripts/generate-openapi.ts\` generates this page and [openapi.json](openapi.json) from the router.
A server has the same description at \`GET /openapi.json\`. [protocol.md](protocol.md#rest) has the
rules of all paths. Fields are in the query of a \`GET\` and in the JSON body of the other methods.
Required fields are bold. The schemas are in \`openapi.json\`.

| method and path | procedure | success | fields |
| --- | --- | --- | --- |
${rows.join('\n')}
`

const files = { 'docs/openapi.json': `${JSON.stringify(describeRest(), null, 1)}\n`, 'docs/api.md': page }

for (const [file, text] of Object.entries(files)) {
  const path = new URL(`../${file}`, import.meta.url)
  if (!process.argv.includes('--check')) writeFileSync(path, text)
  else if (!existsSync(path) || readFileSync(path, 'utf8') !== text) {
    process.stderr.write(`${file} does not match the code: npm run build && node scripts/generate-openapi.ts\n`)
    process.exitCode = 1
  }
}
