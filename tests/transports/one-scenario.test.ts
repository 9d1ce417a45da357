import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { command } from '../support/command.ts'
import { TestServer } from '../support/server.ts'
import { overRest } from './rest-way.ts'
import { A2aDriver, type Driver, McpDriver, ProcedureDriver } from './scenario-drivers.ts'
import { type Way, ways } from './three-ways.ts'

const { folder, tonyWith, remove } = command()
afterAll(remove)

/** Calls a procedure with the built command. */
const overCli: Way = async (server, { path, input, token }) => {
  const file = join(folder, 'token')
  writeFileSync(file, token ?? '')
  const credential = token === undefined ? {} : { TONY_TOKEN_FILE: file }
  const { code, stdout, stderr } = await tonyWith({ TONY_MCP_URL: server.url, ...credential })(
    'api',
    path,
    input ?? '{}',
  )
  return code === 0 ? { data: JSON.parse(stdout) } : { error: stderr }
}

const [socket = overRest, http = overRest] = [ways['socket'], ways['http']]

const drivers: Readonly<Record<string, (server: TestServer) => Driver | Promise<Driver>>> = {
  'tRPC over WebSocket': (server) => new ProcedureDriver(server, socket),
  'tRPC over HTTP': (server) => new ProcedureDriver(server, http),
  REST: (server) => new ProcedureDriver(server, overRest),
  MCP: (server) => McpDriver.open(server),
  A2A: (server) => new A2aDriver(server, socket),
  'the command line': (server) => new ProcedureDriver(server, overCli),
}

/**
 * The columns that hold what the scenario has done. Others have ids, times and secrets, or depend
 * on the caller: a host over MCP has longer leases and is shown the message with its next reply,
 * and A2A makes its context the story.
 */
const queries = {
  agents: 'select name, type, role, capabilities, status, incarnation from agents order by name',
  tasks: `select type, epic, title, description, requires, priority, status, acceptance, attempt, failures, max_attempts,
    start_to_close_ms, open_deps, held_locks, result, result_attempt, error, review, input from tasks order by ord`,
  messages: `select type, payload, priority, mode, thread_id, max_deliver, redrives,
    last_error from messages order by ord`,
  events: "select type, data from event_log where type <> 'message.shown' order by seq",
}

const normalised = (rows: unknown): unknown =>
  JSON.parse(
    JSON.stringify(rows)
      .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '<id>')
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '<time>')
      .replace(/\b1\d{12}\b/g, '<time>'),
  )

/** Plays the scenario and returns the rows that it has left. */
async function play(name: string): Promise<Record<string, unknown>> {
  await using server = await TestServer.start({ config: { durability: 'process' } })
  const driver = await drivers[name]?.(server)
  if (!driver) throw new Error(`there is no driver for ${name}`)
  await driver.register()
  const taskId = await driver.plan('Build the walls')
  await driver.claim()
  await driver.ask(taskId, 'Which stones?')
  await driver.answer(taskId, 'The grey ones')
  await driver.claim()
  await driver.message(taskId, 'Leave a door')
  await driver.complete(taskId, { doors: 1 })
  expect(await driver.watch(taskId)).toContain('completed')
  const rows = Object.entries(queries).map(([table, sql]) => [table, normalised(server.query(sql))])
  if (driver instanceof McpDriver) await driver[Symbol.asyncDispose]()
  return Object.fromEntries(rows)
}

let expected: Record<string, unknown> | undefined

test.each(Object.keys(drivers))(
  'register, plan, claim, ask, message, complete and watch leave the same rows: %s',
  async (name) => {
    const rows = await play(name)
    expected ??= rows
    expect(rows['tasks']).toMatchObject([{ status: 'completed', attempt: 2, title: 'Build the walls' }])
    expect(rows).toEqual(expected)
  },
)
