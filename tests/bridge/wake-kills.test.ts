import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, TonyError } from '@tony/mcp-client'
import { expect, test } from 'vitest'
import { Child } from '../support/child.ts'
import { program } from '../support/command.ts'
import { dice } from '../support/dice.ts'
import { RestartingServer } from '../support/restarting.ts'

const seed = Number(process.env['WAKE_SEED'] ?? 1)
const stepCount = 24
const sessionCount = 3
const within = { interval: 100, timeout: 240_000 }

/** A session of a host that is started again after each kill. */
class WakeableSession implements AsyncDisposable {
  readonly wakeFile: string
  readonly agentId: Promise<string>
  readonly #start: (order: 'first' | 'later') => Child
  #child: Child

  constructor(url: string, folder: string, name: string) {
    this.wakeFile = join(folder, `${name}.texts`)
    const argv = [program, url, join(folder, 'state'), name, this.wakeFile] as const
    this.#start = (order) => new Child('idle-host.ts', ...argv, order)
    this.#child = this.#start('first')
    this.agentId = this.#child.says('joined ').then((joined) => JSON.parse(joined).agentId)
  }

  /** Kills the host or its bridge, which end together, and starts both again. */
  async kill(part: 'host' | 'bridge'): Promise<void> {
    const bridge = Number(await this.#child.says('bridge '))
    if (part === 'host') await this.#child.kill()
    else {
      process.kill(bridge, 'SIGKILL')
      await this.#child.end()
    }
    this.#child = this.#start('later')
    await this.#child.says('bridge ')
  }

  act(): void {
    this.#child.tell('act')
  }

  /** The texts that the wake command has got. */
  wakeTexts(): string[] {
    return existsSync(this.wakeFile) ? readFileSync(this.wakeFile, 'utf8').split('\0').slice(0, -1) : []
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#child[Symbol.asyncDispose]()
  }
}

interface Fleet {
  readonly server: RestartingServer
  readonly lead: Client
  readonly sessions: readonly WakeableSession[]
}

/** Sends a steering message. An agent whose host was killed is absent until its bridge is back. */
async function steer(lead: Client, to: string): Promise<string> {
  const message = { to, type: 'note', payload: 1, mode: 'steer', idempotencyKey: crypto.randomUUID() } as const
  for (;;) {
    const sent = await lead.messages.send(message).catch((error: unknown) => {
      if (error instanceof TonyError && error.code === 'NOT_FOUND') return undefined
      throw error
    })
    if (sent) return sent.id
  }
}

/** Sends a message, kills a process or lets some time pass, by a roll of the dice. */
async function step({ server, lead, sessions }: Fleet, roll: (sides: number) => number): Promise<string[]> {
  const session = sessions[roll(sessions.length)]
  if (!session) throw new Error('there is no session')
  const kind = roll(8)
  if (kind === 0) await server.restart('SIGKILL')
  else if (kind === 1) await session.kill('host')
  else if (kind <= 3) await session.kill('bridge')
  else if (kind <= 6) return [await steer(lead, await session.agentId)]
  else for (let call = roll(200); call > 0; call -= 1) await lead.system.info()
  return []
}

/** The times of the events of each wake, by their type. */
async function wakeEvents(lead: Client): Promise<Map<string, { type: string; at: number }[]>> {
  const types = ['wake.requested', 'wake.woken', 'wake.unavailable'] as const
  const { events } = await lead.events.list({ types: [...types], limit: 1_000 })
  const wakes = new Map<string, { type: string; at: number }[]>()
  for (const { type, data, at } of events) {
    const { wakeId } = data as { wakeId: string }
    wakes.set(wakeId, [...(wakes.get(wakeId) ?? []), { type, at: Date.parse(at) }])
  }
  return wakes
}

test(`killed hosts, bridges and servers lose no message and no wake, seed ${seed}`, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tony-wakes-'))
  await using server = await RestartingServer.start()
  const lead = createClient({ url: server.url, deadlineMs: 60_000 })
  const sessions = Array.from({ length: sessionCount }, (_, n) => new WakeableSession(server.url, folder, `s${n}`))
  const roll = dice(seed)
  const ids: string[] = []
  await Promise.all(sessions.map(({ agentId }) => agentId))
  for (let count = 0; count < stepCount; count += 1) ids.push(...(await step({ server, lead, sessions }, roll)))
  const read = async () => {
    const messages = await Promise.all(ids.map((messageId) => lead.messages.get({ messageId })))
    return messages.filter(({ status, shownAt }) => status === 'acked' || shownAt !== null).length
  }
  const ended = async () => {
    const statuses = await Promise.all(ids.map(async (id) => (await lead.messages.get({ messageId: id })).wake?.status))
    return statuses.filter((status) => status === 'requested' || status === 'deferred')
  }
  await expect.poll(ended, within).toEqual([])
  // A message whose wake was unavailable is read when the session next acts.
  const actAndRead = async () => {
    for (const session of sessions) session.act()
    return read()
  }
  await expect.poll(actAndRead, { ...within, interval: 2_000 }).toBe(ids.length)
  const wakes = await wakeEvents(lead)
  for (const events of wakes.values()) expect(events.map(({ type }) => type)).toHaveLength(2)
  const texts = sessions.flatMap((session) => session.wakeTexts())
  const named = texts.flatMap((text) => ids.filter((id) => text.includes(id)))
  expect(named.length).toBe(new Set(named).size)
  expect(named.length).toBeGreaterThan(0)
  for (const session of sessions) await session[Symbol.asyncDispose]()
  lead.close()
  rmSync(folder, { recursive: true, force: true })
}, 600_000)
