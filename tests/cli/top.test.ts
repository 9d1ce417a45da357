import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { claimOne, leaseOf } from '../api/given.ts'
import { command, program } from '../support/command.ts'
import { TestServer } from '../support/server.ts'

const { tonyWith, remove } = command()
afterAll(remove)

/** A fleet in which one task runs and four are stuck, each for another reason. */
async function stuckFleet(server: TestServer) {
  const lead = server.connect()
  const ada = await server.agent('ada')
  const create = (title: string, more: Partial<Parameters<typeof lead.tasks.create>[0]> = {}) =>
    lead.tasks.create({ type: 'code', title, ...more })
  await create('asks')
  const asks = await claimOne(ada)
  await ada.tasks.requestInput({ ...leaseOf(asks), question: 'red or blue?' })
  const failing = await create('fails', { maxAttempts: 1 })
  const behind = await create('behind', { dependsOn: [failing.id] })
  await ada.tasks.fail({ ...leaseOf(await claimOne(ada)), error: 'no', retryable: false })
  const needy = await create('needy', { requires: ['cobol'] })
  const held = await create('held', { hold: 'until Monday' })
  const runs = await create('runs')
  const lease = await claimOne(ada)
  await ada.tasks.progress({ ...leaseOf(lease), percent: 40, message: 'reproduced' })
  const behindRunning = await create('waits', { dependsOn: [runs.id] })
  return { asks, behind, needy, held, runs, behindRunning }
}

test('top names the work of each agent and the stuck tasks with their reasons, and leaves out tasks that go on by themselves', async () => {
  await using server = await TestServer.start()
  const fleet = await stuckFleet(server)
  const tony = tonyWith({ TONY_MCP_URL: server.url })
  const board = JSON.parse((await tony('top', '--once', '--json')).stdout)
  expect(board).toMatchObject({ project: 'default', truncated: false, deadLetters: 0 })
  expect(board.agents).toMatchObject([
    { name: 'ada', status: 'active', task: { id: fleet.runs.id, title: 'runs', percent: 40, progress: 'reproduced' } },
  ])
  expect(Date.parse(board.agents[0].task.since)).toBe(Date.parse(fleet.runs.createdAt))
  expect(board.stuck).toEqual([
    { id: fleet.asks.id, title: 'asks', status: 'input_required', why: expect.stringContaining('red or blue?') },
    {
      id: fleet.needy.id,
      title: 'needy',
      status: 'pending',
      why: expect.stringContaining('lack a required capability'),
    },
    { id: fleet.held.id, title: 'held', status: 'pending', why: expect.stringContaining('until Monday') },
    { id: fleet.behind.id, title: 'behind', status: 'blocked', why: expect.stringContaining('stays blocked') },
  ])
  const { stdout } = await tony('top', '--once')
  expect(stdout).toMatch(/ada +active .*40% +runs +reproduced\n/)
  expect(stdout).toContain('stuck: 4\n')
})

/** Runs `top` in a terminal that `script` makes, and returns its output and its exit code. */
async function inTerminal(url: string, key: string): Promise<[string, number]> {
  const argv = ['-qec', `${process.execPath} ${program} top --url ${url}`, '/dev/null']
  const child = spawn('script', argv, { env: { ...process.env, TERM: 'xterm' } })
  let output = ''
  for await (const chunk of child.stdout) {
    output += String(chunk)
    if (output.includes('q ends it') && !child.stdin.writableEnded) child.stdin.end(key)
  }
  if (child.exitCode === null) await once(child, 'exit')
  return [output, child.exitCode ?? -1]
}

/** The program that makes a terminal; macOS has another one of this name. */
const hasScript = process.platform === 'linux' && existsSync('/usr/bin/script')

test.skipIf(!hasScript).each([
  ['q', 0],
  ['\u0003', 130],
])('top gives the terminal back after %j', async (key, code) => {
  await using server = await TestServer.start()
  await server.agent('ada')
  const [output, exitCode] = await inTerminal(server.url, key)
  expect(exitCode).toBe(code)
  expect(output).toContain('\u001b[?1049h')
  expect(output.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
})
