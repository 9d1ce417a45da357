import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@tony/mcp-server/platform/clock'
import { describe, expect, test } from 'vitest'
import { Database, postgresServer } from '../support/postgres.ts'
import { refusal, TestServer, type TestServerOptions } from '../support/server.ts'

type Line = Record<string, unknown> & { readonly error?: Record<string, unknown> }

/** A server that logs everything to a file. The test reads the log when the server has ended. */
class LoggedServer implements AsyncDisposable {
  readonly #folder: string
  readonly server: TestServer

  private constructor(folder: string, server: TestServer) {
    this.#folder = folder
    this.server = server
  }

  static async start(options: TestServerOptions): Promise<LoggedServer> {
    const folder = mkdtempSync(join(tmpdir(), 'tony-log-'))
    const config = { logDir: folder, logLevel: 'trace' as const }
    return new LoggedServer(folder, await TestServer.start({ ...options, config }))
  }

  async log(): Promise<{ text: string; lines: readonly Line[] }> {
    await this.server.stop()
    const text = readFileSync(join(this.#folder, 'mcp-server.log'), 'utf8')
    return {
      text,
      lines: text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Line),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

const canary = {
  description: 'canary-of-a-description',
  payload: 'canary-of-a-message',
  title: 'canary-of-a-title',
}

interface Failed {
  readonly codes: readonly string[]
  readonly leaseToken: string
}

/** Creates a task, sends a message and claims a task while the statements of all three fail. */
async function failThreeWrites(server: TestServer, fault: () => void | Promise<void>): Promise<Failed> {
  const ada = await server.agent('ada')
  const { id: taskId } = await server.connect().tasks.create({ type: 'code' })
  await fault()
  // Each call has a client of its own, because the failures of one would open the circuit breaker
  // for the next.
  const lead = server.connect({ deadlineMs: 5_000 })
  const sender = server.connect({ token: ada.token, deadlineMs: 5_000 })
  const worker = server.connect({ token: ada.token, deadlineMs: 5_000 })
  const refusals = await Promise.all([
    refusal(lead.tasks.create({ type: 'code', title: canary.title, description: canary.description })),
    refusal(sender.messages.send({ to: 'ada', type: 'note', payload: { text: canary.payload } })),
    refusal(worker.tasks.claim({})),
  ])
  const leaseToken = server.parts.leaseTokens.issueToken({ taskId, agentId: ada.id }, 1)
  return { codes: refusals.map(({ code }) => code), leaseToken }
}

function expectNoInput(text: string, leaseToken: string): void {
  const values = [...Object.values(canary), leaseToken]
  expect(values.filter((value) => text.includes(value))).toEqual([])
  expect(text).not.toMatch(/params:|Failed query|"params"|"detail"/)
}

const failedCalls = (lines: readonly Line[]): readonly Line[] => lines.filter(({ msg }) => msg === 'call failed')

describe('the log of statements that fail, on SQLite,', () => {
  test('names the fault and contains no input', async () => {
    await using logged = await LoggedServer.start({})
    const { server } = logged
    const { leaseToken } = await failThreeWrites(server, () => {
      for (const [table, event] of [
        ['tasks', 'insert'],
        ['tasks', 'update'],
        ['messages', 'insert'],
      ])
        server.execute(
          `create trigger fail_${table}_${event} before ${event} on ${table} begin select raise(abort, 'refused by a trigger'); end`,
        )
    })
    const { text, lines } = await logged.log()
    expectNoInput(text, leaseToken)
    expect(failedCalls(lines).map(({ error }) => error)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ code: 'SQLITE_CONSTRAINT_TRIGGER', message: 'refused by a trigger' }),
      ]),
    )
  })
})

describe.skipIf(postgresServer === undefined)('the log of statements that fail, on PostgreSQL,', () => {
  const raise = `create function fail() returns trigger as $$ begin raise exception 'refused by a trigger'; end $$ language plpgsql`
  const triggers = ['insert or update on tasks', 'insert on messages'].map(
    (what, index) => `create trigger fail_${index} before ${what} for each row execute function fail()`,
  )

  test('names the fault and contains no input', async () => {
    await using database = await Database.create()
    await using logged = await LoggedServer.start({ postgres: { url: database.url } })
    const { server } = logged
    const { codes, leaseToken } = await failThreeWrites(server, () => server.execute([raise, ...triggers].join(';')))
    // A client that has tried often enough refuses the next attempt itself.
    for (const code of codes) expect(['INTERNAL', 'CIRCUIT_OPEN']).toContain(code)
    const { text, lines } = await logged.log()
    expectNoInput(text, leaseToken)
    const errors = failedCalls(lines).map(({ error }) => error)
    expect(errors.length).toBeGreaterThanOrEqual(3)
    for (const error of errors) expect(error).toMatchObject({ code: 'P0001', message: 'refused by a trigger' })
  })

  test('names a violated constraint without the row', async () => {
    await using database = await Database.create()
    await using logged = await LoggedServer.start({ postgres: { url: database.url } })
    const { server } = logged
    const { leaseToken } = await failThreeWrites(server, () =>
      server.execute(
        `alter table messages add constraint no_payload check (payload not like '%canary%') not valid;
         alter table tasks add constraint no_title check (title not like '%canary%') not valid;
         alter table tasks add constraint no_claim check (status <> 'in_progress') not valid`,
      ),
    )
    const { text, lines } = await logged.log()
    expectNoInput(text, leaseToken)
    const names = failedCalls(lines).map(({ error }) => error?.['constraint'])
    expect(names).toEqual(expect.arrayContaining(['no_title', 'no_payload', 'no_claim']))
  })

  test('contains no input when a lock times out or the connection is lost', async () => {
    await using database = await Database.create()
    await using logged = await LoggedServer.start({ postgres: { url: database.url }, clock: systemClock })
    const { server } = logged
    let failed: Failed = { codes: [], leaseToken: '' }
    await database.raw(async (client) => {
      failed = await failThreeWrites(server, async () => {
        await client.query('begin; lock table tasks, messages in exclusive mode')
      })
    })
    expect(failed.codes).toEqual(expect.arrayContaining([expect.stringMatching(/STORE_UNAVAILABLE|DEADLINE_EXCEEDED/)]))
    let lost: Failed = { codes: [], leaseToken: '' }
    await database.raw(async (client) => {
      const end = 'select pg_terminate_backend(pid) from pg_stat_activity where wait_event_type = $1'
      // One table: the calls from above that are tried again may hold the other one.
      await client.query('begin; lock table tasks in exclusive mode')
      const lead = server.connect({ deadlineMs: 5_000 })
      const creation = refusal(lead.tasks.create({ type: 'code', description: canary.description }))
      await expect.poll(async () => (await client.query(end, ['Lock'])).rowCount).toBeGreaterThan(0)
      lost = { codes: [(await creation).code], leaseToken: '' }
    })
    expect(lost.codes).toHaveLength(1)
    const { text, lines } = await logged.log()
    expectNoInput(text, failed.leaseToken)
    expect(text).toContain('"code":"55P03"')
    expect(lines.filter(({ msg }) => msg === 'sweep failed').length).toBeGreaterThan(0)
  })
})
