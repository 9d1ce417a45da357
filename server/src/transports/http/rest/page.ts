import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { operationTextOf } from '../../../api/rest/operation-texts.ts'
import { pathFieldsOf } from '../../../api/rest/parameters.ts'
import replyExamples from '../../../api/rest/reply-examples.json' with { type: 'json' }
import { type JsonSchema, type RestRoute, restRoutes } from '../../../api/rest/routes.ts'
import { uuidv7 } from '../../../platform/uuid.ts'
import { version } from '../../../platform/version.ts'
import { sendError } from '../responses.ts'

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 60rem; margin: 0 auto; padding: 1rem }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem }
summary { cursor: pointer; padding: .25rem 0 }
code, pre { font: 14px/1.4 ui-monospace, monospace }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .25rem }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
.method { display: inline-block; min-width: 4.5rem; font-weight: 600 }
details > div { margin: 0 0 1rem 1rem }
`

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (letter) => escapes[letter] ?? letter)

const examples: Readonly<Record<string, unknown>> = replyExamples

/** Returns the type of a field in words. */
function fieldTypeOf(schema: JsonSchema | boolean | undefined): string {
  if (typeof schema !== 'object') return 'any'
  if (schema.enum) return schema.enum.map((word) => JSON.stringify(word)).join(' | ')
  const alternatives = schema.anyOf ?? schema.oneOf
  if (alternatives) return alternatives.map(fieldTypeOf).join(' | ')
  if (schema.type === 'array') return `list of ${Array.isArray(schema.items) ? 'any' : fieldTypeOf(schema.items)}`
  return [schema.type ?? 'any'].flat().join(' | ')
}

/** Returns the place of a field in a request. */
const fieldLocationOf = (name: string, route: RestRoute): string => {
  if (pathFieldsOf(route).includes(name)) return 'path'
  return route.method === 'GET' ? 'query' : 'body'
}

function fieldTableOf(route: RestRoute): string {
  const { properties = {}, required = [] } = route.input
  const rows = Object.entries(properties).map(([name, schema]) => {
    const notes = [fieldLocationOf(name, route), ...(required.includes(name) ? ['required'] : [])].join(', ')
    return `<tr><td><code>${escapeHtml(name)}</code><td>${escapeHtml(fieldTypeOf(schema))}<td>${notes}`
  })
  return rows.length === 0 ? '' : `<table><tr><th>field<th>type<th>place${rows.join('')}</table>`
}

/** Returns a request of the example as a command line. */
function curlOf(route: RestRoute): string {
  const { input } = operationTextOf(route.procedure)
  const inPath = new Set(pathFieldsOf(route))
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(input[name])))
  const fields = Object.entries(input).filter(([name]) => !inPath.has(name))
  const toText = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value))
  const query = new URLSearchParams(fields.map(([name, value]): [string, string] => [name, toText(value)]))
  const address = route.method === 'GET' && fields.length > 0 ? `${path}?${query}` : path
  const lines = [`curl${route.kind === 'subscription' ? ' -N' : ''} -X ${route.method} "$TONY${address}"`]
  lines.push(`  -H "Authorization: Bearer $TOKEN"`)
  if (route.method !== 'GET' && fields.length > 0) {
    lines.push(`  -H 'Content-Type: application/json'`)
    lines.push(`  -d '${JSON.stringify(Object.fromEntries(fields)).replaceAll("'", "'\\''")}'`)
  }
  return lines.join(' \\\n')
}

function renderOperation(route: RestRoute): string {
  const { summary, description } = operationTextOf(route.procedure)
  const { permission } = route.compiled.meta
  const needs = permission === 'open' ? 'no credential' : `the permission <code>${permission}</code>`
  const example = examples[route.procedure]
  const reply = typeof example === 'string' ? example : JSON.stringify(example, null, 2)
  return `<details id="${escapeHtml(route.procedure)}"><summary><span class="method">${route.method}</span>
<code>${escapeHtml(route.path)}</code> ${escapeHtml(summary)}</summary><div><p>${escapeHtml(description)}
<p>Procedure <code>${escapeHtml(route.procedure)}</code>; needs ${needs}; success ${route.status}.
${fieldTableOf(route)}<pre>${escapeHtml(curlOf(route))}</pre><pre>${escapeHtml(reply ?? '')}</pre></div></details>`
}

function renderPage(): string {
  const nouns = [...new Set(restRoutes.map(({ procedure }) => procedure.split('.', 1)[0] ?? ''))]
  const sections = nouns.map((noun) => {
    const own = restRoutes.filter(({ procedure }) => procedure.startsWith(`${noun}.`))
    return `<h2 id="${noun}">${noun}</h2>${own.map(renderOperation).join('\n')}`
  })
  return `<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Tony MCP Server: REST</title><style>${style}</style>
<h1>Tony MCP Server ${escapeHtml(version)}: REST</h1>
<p>Every procedure over plain HTTP with JSON. <a href="/openapi.json">/openapi.json</a> has the schemas. In the
commands, <code>$TONY</code> is the address of the server and <code>$TOKEN</code> an API key or the token of an agent.
<nav>${nouns.map((noun) => `<a href="#${noun}">${noun}</a>`).join(' ')}</nav>
${sections.join('\n')}</html>`
}

const styleHash = createHash('sha256').update(style).digest('base64')

/** The page has no script, and no part of it is loaded from anywhere. */
const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${styleHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

let page: string | undefined

/** Sends the description of REST as a page (`/docs`). It needs no credential. */
export function sendRestPage({ method }: IncomingMessage, response: ServerResponse): void {
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET')
    return sendError(response, new CoordinationError('METHOD_NOT_ALLOWED', '/docs takes GET'), uuidv7())
  }
  page ??= renderPage()
  response.writeHead(200, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': contentSecurityPolicy,
  })
  response.end(page)
}
