import { execFileSync } from 'node:child_process'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { Guarded } from '../access/given.ts'
import { root } from '../support/architecture/source.ts'
import { TestServer } from '../support/server.ts'

const dist = resolve(root, 'dashboard/dist')
const page = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' }

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/bundle-dashboard.ts'], { cwd: root })
})

/** Returns the files that the page loads before it shows something. */
function filesOfFirstLoad(): string[] {
  const html = readFileSync(resolve(dist, 'index.html'), 'utf8')
  return [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+)"/g)].map(([, path = '']) => path)
}

/** Adds the files that scripts import at once, directly or not. */
function withImports(paths: readonly string[]): string[] {
  const found = new Set(paths)
  for (const path of found) {
    const text = readFileSync(resolve(dist, path), 'utf8')
    for (const [, name] of text.matchAll(/(?:from|import)\s?"\.\/([\w-]+\.js)"/g)) found.add(`assets/${name}`)
  }
  return [...found]
}

describe('the server', () => {
  test('sends the dashboard to a browser, and the list of paths to a program', async () => {
    await using server = await TestServer.start()
    const browser = await fetch(server.url, { headers: page })
    expect(browser.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(await browser.text()).toContain('<div id="root">')
    for (const accept of ['*/*', 'application/json', 'text/plain']) {
      const program = await fetch(server.url, { headers: { accept } })
      expect(await program.json()).toMatchObject({ name: 'Tony MCP Server', paths: { '/': expect.any(String) } })
      expect(program.headers.get('vary')).toContain('accept')
    }
  })

  test('sends a page that may load from this server alone, run no text and be framed nowhere', async () => {
    await using guarded = await Guarded.start()
    const { headers } = await fetch(guarded.server.url, { headers: page })
    expect(headers.get('content-security-policy')).toBe(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'",
    )
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
    expect(headers.get('cross-origin-opener-policy')).toBe('same-origin')
    expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    expect(headers.get('permissions-policy')).toContain('camera=()')
    expect(headers.get('cache-control')).toBe('no-cache')
  })

  test('sends each asset compressed, to be cached for ever, and answers a known page with 304', async () => {
    await using server = await TestServer.start()
    for (const path of filesOfFirstLoad()) {
      const { status, headers } = await fetch(`${server.url}/${path}`, { headers: { 'accept-encoding': 'gzip' } })
      expect([status, headers.get('content-encoding')]).toEqual([200, 'gzip'])
      expect(headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    }
    const first = await fetch(server.url, { headers: page })
    const again = await fetch(server.url, { headers: { ...page, 'if-none-match': first.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
  })

  test('has no other file below the assets, and takes no other method', async () => {
    await using server = await TestServer.start()
    for (const path of [
      '/assets/',
      '/assets/none.js',
      '/assets/..%2findex.html',
      '/assets/%2e%2e/index.html',
      '/index.html',
    ])
      expect((await fetch(server.url + path, { headers: page })).status, path).toBe(404)
    const posted = await fetch(server.url, { method: 'POST', headers: page })
    expect([posted.status, posted.headers.get('allow')]).toEqual([405, 'GET'])
  })

  test('lets its own page open a socket in serve mode, under the name that the browser asked for', async () => {
    await using guarded = await Guarded.start({ config: { allowedHosts: ['tony.example', '127.0.0.1'] } })
    const { host, origin } = new URL(guarded.server.url)
    const statusFor = async (headers: Record<string, string>) =>
      (await fetch(`${guarded.server.url}/trpc/system.info`, { headers })).status
    expect(await statusFor({ origin })).toBe(200)
    for (const other of ['null', `http://${host}.evil`, `http://evil.example`, `ftp://${host}`, `http://a@${host}`])
      expect([other, await statusFor({ origin: other })]).toEqual([other, 403])
  })
})

describe('the dashboard', () => {
  test('loads at most 200 kB before its first page', () => {
    const paths = withImports(filesOfFirstLoad())
    expect(paths.length).toBeGreaterThan(1)
    const bytes = paths.map((path) => readFileSync(resolve(dist, `${path}.gz`)).length)
    expect(bytes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(200_000)
  })

  test('names no file by an absolute path, so that a proxy may serve it below any path', () => {
    const html = readFileSync(resolve(dist, 'index.html'), 'utf8')
    expect([...html.matchAll(/(?:src|href)="\/[^"]*"/g)]).toEqual([])
  })

  test('has the license of each package in it', () => {
    const licenses = readFileSync(resolve(dist, 'LICENSES'), 'utf8')
    for (const name of ['react-dom', '@tanstack/react-query', '@base-ui/react']) expect(licenses).toContain(`${name} `)
  })

  test('is in no part of the command line', () => {
    const bundle = globSync('cli/dist/bundle/*.js', { cwd: root })
    for (const file of bundle) expect(readFileSync(resolve(root, file), 'utf8')).not.toContain('react-dom')
    expect(existsSync(resolve(root, 'cli/dist/bundle/index.html'))).toBe(false)
  })

  test('writes no text of an agent as HTML', () => {
    const sources = globSync('dashboard/src/**/*.{ts,tsx}', { cwd: root })
    expect(sources.length).toBeGreaterThan(40)
    for (const file of sources) {
      const text = readFileSync(resolve(root, file), 'utf8')
      expect(text, file).not.toMatch(/dangerouslySetInnerHTML|innerHTML|outerHTML|insertAdjacentHTML|document\.write/)
    }
  })
})
