import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { promisify } from 'node:util'
import { procedures } from '@tony/mcp-server/api/pipeline'
import { readConfig } from '@tony/mcp-server/config'
import { sweeps } from '@tony/mcp-server/server'
import { errorPolicies } from '@tony/mcp-shared/errors'
import { eventTypes } from '@tony/mcp-shared/event-words'
import { describe, expect, test } from 'vitest'
import { onPages, pages, root, textOf } from './support/pages.ts'
import { TestServer } from './support/server.ts'

/** Returns the cells of all table rows whose first column begins with code. */
const rowsOf = (text: string): string[][] =>
  [...text.matchAll(/^\| (`[^|]*?) \|(.*)\|$/gm)].map(([, first = '', rest = '']) => [
    first.replaceAll('`', ''),
    ...rest.split('|').map((cell) => cell.trim()),
  ])

/**
 * Returns the cells of every table below a heading of the second level, without the header rows.
 */
function rowsUnder(text: string, heading: string): string[][] {
  const [, after = ''] = text.split(`\n${heading}\n`)
  const [section = ''] = after.split(/\n## /)
  const lines = section.split('\n')
  const isRow = (line: string, index: number) =>
    line.startsWith('| ') && !line.startsWith('| ---') && !lines[index + 1]?.startsWith('| ---')
  return lines.filter(isRow).map((line) => line.slice(2, -2).split(' | '))
}

/** Returns the anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-')

const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading))

const leadsNowhere = (page: string, target: string): boolean => {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? resolve(root, page) : resolve(root, dirname(page), path)
  if (!existsSync(file)) return true
  return anchor !== undefined && !anchorsOf(readFileSync(file, 'utf8')).includes(anchor)
}

describe('every page', () => {
  test('is checked', () => {
    expect(pages.length).toBeGreaterThan(12)
  })

  test('has no broken link', () => {
    const targets = (text: string) => [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
    const broken = onPages((text, page) =>
      targets(text).filter((target) => !/^https?:/.test(target) && leadsNowhere(page, target)),
    )
    expect(broken).toEqual([])
  })
})

describe('the tables of compliance', () => {
  const rows = rowsUnder(textOf('docs/security.md'), '## Compliance')
  const allowed = ['does not apply', 'not met', 'not met by the server alone', 'nothing shows it']

  test('have a row for each risk of the OWASP API Security Top 10, and for many of the others', () => {
    const numbers = rows.flatMap(([first = '']) => /^API\d+ /.exec(first) ?? [])
    expect(numbers).toEqual(Array.from({ length: 10 }, (_, index) => `API${index + 1} `))
    expect(rows.length).toBeGreaterThan(60)
  })

  test('name an existing test in each row, or state that none shows it', () => {
    const wrong = rows.filter(([, , shown = '']) => {
      const tests = [...shown.matchAll(/(?:`(tests\/[\w./-]+)`: )?"([^"]+)"/g)]
      let file = ''
      const absent = tests.filter(([, path = file, name = '']) => {
        file = path
        return !["'", '`'].some((quote) => textOf(path).includes(quote + name))
      })
      return tests.length === 0 ? !allowed.includes(shown) : absent.length > 0
    })
    expect(wrong).toEqual([])
  })
})

describe('the versions of Node', () => {
  const sentence = 'Node 22.18 or newer, 24, or 26 and newer'

  test.each(['README.md', 'CONTRIBUTING.md', 'docs/client.md', 'cli/src/main.ts'])('are the same in %s', (file) => {
    expect(textOf(file).replaceAll(/\s+/g, ' ')).toContain(sentence)
  })

  test.each(['package.json', 'client/package.json'])('are the engines of %s', (file) => {
    expect(JSON.parse(textOf(file)).engines).toEqual({ node: '^22.18 || ^24 || >=26' })
  })
})

describe('the README', () => {
  const readme = textOf('README.md')

  test('begins with the two commands, each alone in its block', () => {
    const blocks = [...readme.matchAll(/```sh\n([^`]*)```/g)].map(([, block = '']) => block.trim())
    expect(blocks.slice(0, 2)).toEqual(['npm ci && npm run demo', 'npm ci && npm test'])
    expect(readme.indexOf('npm ci && npm run demo')).toBeLessThan(300)
  })

  test('has a quickstart that runs unchanged', async () => {
    await using server = await TestServer.start()
    const [, program = ''] = /```js\n([^`]*)```/.exec(readme) ?? []
    expect(program).toContain('http://127.0.0.1:3456')
    const argv = ['--conditions=tony-source', '--input-type=module', '-e']
    const code = program.replace('http://127.0.0.1:3456', server.url)
    await promisify(execFile)(process.execPath, [...argv, code], { cwd: root, timeout: 20_000 })
    expect((await server.connect().tasks.list({})).tasks).toMatchObject([
      { title: 'Write the parser', status: 'completed', result: { done: 'Write the parser' } },
    ])
  })
})

test('the page of the demo lists its options, and no others', () => {
  const taken = textOf('demo/options.ts').matchAll(/^ {6}(\w+): \{ type: /gm)
  const listed = rowsOf(textOf('docs/demo.md')).flatMap(([first = '']) => [...first.matchAll(/--(\w+)/g)])
  expect(listed.map(([, name]) => name).toSorted()).toEqual([...taken].map(([, name]) => name).toSorted())
})

describe('the environment', () => {
  const source = textOf('server/src/config.ts')
  const schema = source.slice(source.indexOf('const environment'), source.indexOf('export type Mode'))
  const keys = [...schema.matchAll(/^ {2}([A-Z_]+):/gm)].map(([, key = '']) => key)
  const table = rowsOf(textOf('README.md')).filter(([first = '']) => /^[A-Z_]+$/.test(first))
  const example = [...textOf('.env.example').matchAll(/^# ([A-Z_]+)=(.*)$/gm)]

  test('is the same in the schema, in the README and in .env.example', () => {
    expect(keys).toContain('MCP_PORT')
    expect(table.map(([key]) => key)).toEqual(keys)
    expect(example.map(([, key]) => key)).toEqual(keys)
  })

  test('has the defaults that the README and .env.example state', () => {
    const inTable = table.map(([key = '', value = '']) => [key, value === 'not set' ? '' : value.replaceAll('`', '')])
    const inExample = example.map(([, key = '', value = '']) => [key, value])
    expect(inTable).toEqual(inExample)
    expect(readConfig('dev', Object.fromEntries(inTable))).toEqual(readConfig('dev', {}))
  })
})

describe('the protocol', () => {
  const protocol = textOf('docs/protocol.md')

  test('lists every error with its values', () => {
    const listed = rowsOf(protocol).filter(([first = '']) => first in errorPolicies)
    const real = Object.entries(errorPolicies).map(([code, { http, trpc, retryable, applied }]) => [
      code,
      String(http),
      `\`${trpc}\``,
      retryable ? 'yes' : 'no',
      applied,
    ])
    expect(listed).toEqual(real)
  })

  test('lists every limit with its default', () => {
    const { limits } = readConfig('dev', {})
    const listed = [...protocol.matchAll(/^\| .* \(`(\w+)`\) \| (\d+) \|/gm)].map(([, name, value]) => [
      name,
      Number(value),
    ])
    expect(Object.fromEntries(listed)).toEqual(limits)
  })

  test('lists every type of event, and no others', () => {
    const listed = rowsOf(protocol).flatMap(([first = '']) =>
      first.split(', ').filter((word) => /^\w+\.\w+$/.test(word)),
    )
    expect(listed.toSorted()).toEqual([...eventTypes].toSorted())
  })
})

test('every procedure is listed, and no other', () => {
  const listed = rowsOf(textOf('docs/procedures.md')).map(([path]) => path)
  expect(listed).toEqual([...procedures.keys()])
})

describe('the page about the architecture', () => {
  const architecture = textOf('docs/architecture.md')

  test('lists every sweep with its interval, and no others', () => {
    const listed = rowsUnder(architecture, '## Sweeps').map(([name, every]) => [name?.replaceAll('`', ''), every])
    const intervalOf = (ms: number) => (ms < 1_000 ? `${ms} ms` : `${ms / 1_000} s`)
    const real = sweeps.map(({ name, everyMs }) => [name, intervalOf(everyMs)])
    expect(listed.toSorted()).toEqual(real.toSorted())
  })

  test('lists the guards in their order', () => {
    const [, guards] = /^const guards: .*\[([^\]]+)\]$/m.exec(textOf('server/src/api/procedure.ts')) ?? []
    const named = [...(guards ?? '').matchAll(/\w+/g)].map(([name]) => `\`${name}\``)
    expect(named.length).toBeGreaterThan(4)
    expect(architecture.replaceAll(/\s+/g, ' ')).toContain(`defines: ${named.join(', ')}.`)
  })

  test('lists the folders of the domain and of the transports', () => {
    const rows = rowsUnder(architecture, '## Layers')
    for (const layer of ['domain', 'transports']) {
      const [, contents = ''] = rows.find(([name]) => name === `\`${layer}\``) ?? []
      const listed = [...contents.matchAll(/`([\w-]+)`/g)].map(([, name]) => name)
      const folders = readdirSync(resolve(root, 'server/src', layer), { withFileTypes: true })
      const real = folders.filter((entry) => entry.isDirectory()).map(({ name }) => name)
      expect(listed.toSorted(), layer).toEqual(real.toSorted())
    }
  })
})
