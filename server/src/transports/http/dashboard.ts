import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CoordinationError } from '@tony/mcp-shared/errors'
import { uuidv7 } from '../../platform/uuid.ts'
import { sendError } from './responses.ts'

interface DashboardFile {
  readonly body: Buffer
  /** The same contents, compressed by the build. */
  readonly gzipped: Buffer | undefined
  readonly type: string
  readonly etag: string
}

const typeByExtension: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** Headers of every file of the dashboard. The page loads only what this server serves. */
const dashboardHeaders = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy':
    'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), publickey-credentials-get=(), usb=()',
} as const

/** The name of an asset has a hash of its contents, so that it never changes. */
const immutable = 'public, max-age=31536000, immutable'

/** Returns the folder of the built dashboard: in this package, or in the repository. */
function folderOfDashboard(): string {
  const packaged = fileURLToPath(new URL('../../../dashboard', import.meta.url))
  return existsSync(packaged) ? packaged : fileURLToPath(new URL('../../../../dashboard/dist', import.meta.url))
}

function readDashboardFile(path: string): DashboardFile {
  const body = readFileSync(path)
  return {
    body,
    gzipped: existsSync(`${path}.gz`) ? readFileSync(`${path}.gz`) : undefined,
    type: typeByExtension[extname(path)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
  }
}

/** Returns the files of a folder by their path in a URL. A request can name no other file. */
function readDashboardFiles(folder: string): ReadonlyMap<string, DashboardFile> {
  if (!existsSync(folder)) return new Map()
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => extname(name) in typeByExtension,
  )
  return new Map(
    names.map((name) => {
      const path = name.replaceAll('\\', '/')
      return [path === 'index.html' ? '/' : `/${path}`, readDashboardFile(`${folder}/${name}`)]
    }),
  )
}

let files: ReadonlyMap<string, DashboardFile> | undefined

/** True if a request asks for a page. Programs get the paths of the server as JSON. */
const isForPage = ({ headers: { accept = '' } }: IncomingMessage): boolean => accept.includes('text/html')

/**
 * Sends a file of the dashboard. Returns false if the path has none, or if a program asks for `/`.
 * It needs no credential, because the files are the same for everybody.
 */
export function handleDashboard(path: string, request: IncomingMessage, response: ServerResponse): boolean {
  if (path === '/') response.appendHeader('vary', 'accept')
  if (path === '/' ? !isForPage(request) : !path.startsWith('/assets/')) return false
  files ??= readDashboardFiles(folderOfDashboard())
  const file = files.get(path)
  if (!file) return false
  const { method, headers } = request
  if (method !== 'GET' && method !== 'HEAD') {
    response.setHeader('allow', 'GET')
    sendError(response, new CoordinationError('METHOD_NOT_ALLOWED', `${path} takes GET`), uuidv7())
    return true
  }
  response.appendHeader('vary', 'accept-encoding')
  for (const [name, value] of Object.entries(dashboardHeaders)) response.setHeader(name, value)
  response.setHeader('cache-control', path === '/' ? 'no-cache' : immutable)
  response.setHeader('etag', file.etag)
  if (headers['if-none-match'] === file.etag) {
    response.writeHead(304).end()
    return true
  }
  const isZipped = file.gzipped !== undefined && /\bgzip\b/.test(String(headers['accept-encoding'] ?? ''))
  const body = isZipped && file.gzipped ? file.gzipped : file.body
  if (isZipped) response.setHeader('content-encoding', 'gzip')
  response.writeHead(200, { 'content-type': file.type, 'content-length': body.length }).end(body)
  return true
}
