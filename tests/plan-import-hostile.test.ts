import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test } from 'vitest'
import { duplicateKeys } from '../cli/src/plan/duplicate-keys.ts'
import { readPlan } from '../cli/src/plan/read.ts'
import { idsOf, issue, jsonLines, planFile, refusal } from './plan-file.ts'
import { command, program } from './support/command.ts'
import { TestServer } from './support/server.ts'

const { folder, tony, remove } = command()
afterAll(remove)

const ring = (size: number, type: string, step = 1): string =>
  jsonLines(
    Array.from({ length: size }, (_, index) => {
      const to = step === 1 ? (index + 1) % size : index ^ 1
      return issue(`t-${index}`, { dependencies: [{ depends_on_id: `t-${to}`, type }] })
    }),
  )

const long = 'i'.repeat(10_240)
const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
const taskmaster = (id: unknown) => ({ id, title: 'a', status: 'pending', dependencies: [], subtasks: [] })
const tasks = [taskmaster(1)]

describe('a hostile file is refused by name, in a short message with the line', () => {
  test.each([
    [
      'a ring of 5,000 tasks',
      ring(5_000, 'blocks'),
      /^plan:1: a cycle of dependencies: t-0 waits for .*\(5000 tasks\)$/,
    ],
    [
      '2,000 parents in a ring',
      ring(2_000, 'parent-child'),
      /^plan:1: a cycle of parents: t-0 is part .*\(2000 tasks\)$/,
    ],
    ['2,500 rings', ring(5_000, 'blocks', 2), /^plan:1: a cycle of dependencies: t-0 waits for t-1 waits for t-0\n/],
    ['a record of 50 MB', jsonLines([issue('a'), issue('b', { notes: 'x'.repeat(5e7) })]), /^plan:2: "b": more than/],
    ['a line of 50 MB without an end', `${jsonLines([issue('a')])}{"id":"${'x'.repeat(5e7)}`, /^plan:2: is not JSON/],
    ['a deep record', `{"id":"a","issue_type":"task","x":${deep}}\n`, /^plan:1: "a": nested deeper than 32 levels$/],
    ['a deep element of a list', `[\n{"id":"a","issue_type":"task","x":${deep}}]`, /^plan:1: nested deeper than 32/],
    ['a deep list', deep, /^plan: is not a plan/],
    ['a record with a key twice', '{"id":"a","issue_type":"task","id":"b"}\n', /^plan:1: the key "id" occurs twice/],
    [
      'a tag twice',
      `{"master":${JSON.stringify({ tasks })},\n"master":${JSON.stringify({ tasks })}}`,
      /^plan:2: the key "master" occurs twice in one object: lines 1 and 2$/,
    ],
    ['an id of ATHMS twice', '{"tasks":{\n"T.1":{"id":"T.1"},\n"T.1":{"id":"T.1"}}}', /^plan:3: .* lines 2 and 3$/],
    ['an id of 10 kB in beads', jsonLines([issue(long)]), /^plan:1: id: an id has at most 200 characters$/],
    ['an id of 10 kB in Task Master', JSON.stringify({ tasks: [taskmaster(long)] }), /^plan: "iii.* more characters$/],
    ['an id of 10 kB in Markdown', `- [ ] a <!-- id: ${long} -->\n`, /^plan:1: "iii.* more characters$/],
    ['a NUL as such', '{"id":"a\0b","issue_type":"task"}\n', /^plan:1: is not JSON/],
    ['a NUL as an escape', jsonLines([issue('a'), issue('b', { title: 'x\0y' })]), /^plan:2: "b": text with a NUL/],
    ['a NUL in Markdown', '- [ ] a\n- [ ] b\0c\n', /^plan:2: "b-c": text with a NUL/],
    ['bytes of zero', new Uint8Array(100_000), /^plan:1: is not JSON/],
    ['a lone surrogate', '{"id":"a","issue_type":"task","title":"\\ud800"}\n', /^plan:1: "a": text with a lone surr/],
    ['a number beyond all numbers', '{"id":"a","issue_type":"task","x":1e400}\n', /^plan:1: "a": a number that is not/],
    ['values that are no records', 'null\n1\n[]\n', /^plan:1: a record is a JSON object\n.*:2: a record is a JSON/s],
  ])('%s', async (_, content, message) => {
    const error = await refusal(content)
    expect(error.message).toMatch(message)
    expect(error.message.length).toBeLessThan(4_000)
  })

  test('20,000 problems: the first 20 in words, and the number of the others', async () => {
    const bad = Array.from({ length: 20_000 }, (_, index) => issue(`t-${index}`, { title: index }))
    const lines = (await refusal(jsonLines(bad))).message.split('\n')
    expect(lines).toHaveLength(21)
    expect(lines[0]).toMatch(/^plan:1: title: /)
    expect(lines.at(-1)).toBe('and 19980 more problems')
  })
})

test('thousands of rings do not keep --skip-bad from an end: one task of each is held', async () => {
  const plan = await readPlan(await planFile(ring(2_000, 'blocks', 2)), { replay: false, skipBad: true })
  expect(plan.tasks.filter(({ hold }) => hold !== undefined)).toHaveLength(1_000)
})

test.each([
  [
    'a Task Master file',
    `\uFEFF${JSON.stringify({ tasks: [taskmaster(1)] }, null, 1).replaceAll('\n', '\r\n')}`,
    ['1'],
  ],
  ['a list of issues', `\uFEFF${JSON.stringify([issue('a')], null, 1).replaceAll('\n', '\r\n')}`, ['a']],
  ['a checklist', '\uFEFF- [ ] a\r\n  - [ ] b\r\n', ['a', 'a/b']],
])('%s may have a byte order mark and lines that end with CR LF', async (_, content, ids) => {
  expect(idsOf(await readPlan(await planFile(content), { replay: false }))).toEqual(ids)
})

test('a key is found twice in its own object only, and in any spelling', () => {
  const keysOf = (document: string) => [...duplicateKeys(document)].map(({ key }) => key)
  expect(keysOf('{"a":{"a":1},"b":[{"a":1},{"a":"a"}],"c":"\\"a\\":","d":"a"}')).toEqual([])
  expect(keysOf('{"a":1,"b":{"c":1,"c" : 2},"\\u0061":3,"a\\\\":4}')).toEqual(['c', 'a'])
})

/** Runs an import of a text from standard input. */
async function importText(server: TestServer, input: string) {
  const child = spawn(process.execPath, [program, 'import', '-', '--url', server.url])
  const ended = once(child, 'exit')
  child.stdin.end(input)
  const [stderr, [code]] = await Promise.all([text(child.stderr), ended])
  return { code, stderr }
}

test('a file that is refused changes nothing here and ends with code 2', async () => {
  await using server = await TestServer.start()
  const file = join(folder, 'states.jsonl')
  writeFileSync(file, ring(300, 'blocks'))
  const refused = await tony('import', file, '--url', server.url)
  expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('states.jsonl:1: a cycle of') })
  const half = jsonLines([issue('a'), issue('b')]).slice(0, -20)
  const cut = await importText(server, half)
  expect(cut).toMatchObject({ code: 2, stderr: expect.stringMatching(/^-:2: is not JSON/) })
  expect(await importText(server, '')).toMatchObject({ code: 2, stderr: expect.stringContaining('-: is empty') })
  expect((await server.connect().tasks.list({})).tasks).toEqual([])
})

test('thousands of warnings: the first 20 in words, and the number of the others', async () => {
  const file = join(folder, 'warnings.jsonl')
  writeFileSync(
    file,
    jsonLines(Array.from({ length: 2_000 }, (_, index) => issue(`t-${index}`, { status: `s${index}` }))),
  )
  const { code, stderr } = await tony('import', file, '--dry-run')
  const lines = stderr.trim().split('\n')
  expect([code, lines.length, lines.at(-1)]).toEqual([0, 21, 'and 1980 more warnings'])
})

test('a watched file that a folder replaces is refused by name, and read again when it is a file', async () => {
  await using server = await TestServer.start()
  const file = join(folder, 'watched.jsonl')
  writeFileSync(file, jsonLines([issue('a')]))
  const child = spawn(process.execPath, [program, 'import', '--watch', file, '--url', server.url])
  let output = ''
  const said = new EventTarget()
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => {
      output += data.toString()
      said.dispatchEvent(new Event('data'))
    })
  const until = async (words: string) => {
    while (!output.includes(words)) await once(said, 'data')
    output = output.slice(output.indexOf(words) + words.length)
  }
  await until('created 1')
  await until('watching')
  renameSync(file, `${file}.old`)
  mkdirSync(file)
  await until('cannot be read: EISDIR')
  renameSync(file, `${file}.folder`)
  writeFileSync(file, jsonLines([issue('a'), issue('b')]))
  await until('created 1')
  child.kill('SIGINT')
  expect(await once(child, 'exit')).toEqual([130, null])
})
