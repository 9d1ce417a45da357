import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { roundsOf } from '../support/rounds.ts'
import { onPostgres, TestServer } from '../support/server.ts'
import { arbitraryOf } from './openapi-arbitrary.ts'
import {
  acceptedInput,
  callerOf,
  closeWorld,
  type Described,
  described,
  exampleInputOf,
  linked,
  type Operation,
  worldOf,
} from './openapi-world.ts'
import { requestOf, routeOf } from './rest-way.ts'

const requests = roundsOf({ part: 500, full: 10_000, variable: 'GENERATED_REQUESTS' })
/** A backup copies the whole database, so it has fewer rounds than the other operations. */
const backups = 25
const rounds = Math.ceil((requests - backups) / (described.length - 1))
const seed = Number(process.env['GENERATED_SEED'] ?? 20_261_130)

const roundsFor = (procedure: string): number => (procedure === 'system.backup' ? Math.min(rounds, backups) : rounds)

/** The least number of successes of an operation. A part of the rounds has few requests. */
const leastSuccesses = (sent: number): number => (rounds > 100 ? 20 : Math.ceil((sent - 1) / 6))

type Fields = Readonly<Record<string, unknown>>

/** Returns the fields that an operation takes, by name. */
function fieldsOf({ parameters, requestBody }: Operation): Record<string, fc.Arbitrary<unknown>> {
  const body = requestBody?.content['application/json']?.schema
  const inQuery = parameters
    .filter((one) => one.in !== 'header' && one.name !== 'fields')
    .map((one) => [one.name, arbitraryOf(one.schema ?? one.content?.['application/json']?.schema ?? {})] as const)
  const inBody = Object.entries(body?.properties ?? {}).map(([name, schema]) => [name, arbitraryOf(schema)] as const)
  return Object.fromEntries([...inQuery, ...inBody])
}

/** The clock of a test stands still, so a wait for a task or a message would not end. */
const withoutWait = (input: Fields): Fields => ('waitMs' in input ? { ...input, waitMs: 0 } : input)

/** Fields whose value only one request can have: the next one finds the name or the lock taken. */
const takenOnce: Readonly<Record<string, readonly string[]>> = { 'projects.create': ['name'], 'tasks.lock': ['locks'] }

interface Generated {
  /** `example` is the example itself, `more` adds fields, the others replace fields. */
  readonly kind: 'example' | 'more' | 'linked' | 'free'
  readonly fields: Fields
}

const generatedOf = (operation: Operation): fc.Arbitrary<Generated> =>
  fc.record({
    kind: fc.constantFrom('example', 'more', 'linked', 'free'),
    fields: fc.record(fieldsOf(operation), { requiredKeys: [] }),
  })

/** Returns the input of a request. `valid` is an accepted one. */
function inputOf({ operation, procedure }: Described, { kind, fields }: Generated, valid: Fields): Fields {
  const link = (input: Fields) => linked(input, valid, takenOnce[procedure]) as Fields
  const example = link(exampleInputOf(operation))
  if (kind === 'example') return example
  if (kind === 'more') return { ...fields, ...example }
  return kind === 'linked' ? link({ ...example, ...fields }) : { ...example, ...fields }
}

/** Sends a request and returns its status. A stream is left after its first bytes. */
async function statusOf(server: TestServer, procedure: string, input: Fields, token?: string): Promise<number> {
  const route = routeOf(procedure)
  const [address, body] = requestOf(route, input)
  const leaving = new AbortController()
  // A stream without an event begins after a time on the clock, which stands still.
  const ticking = route.kind === 'subscription' ? setInterval(() => server.clock.advance(100), 5) : undefined
  const reply = await fetch(`${server.url}${address}`, {
    method: route.method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
    signal: leaving.signal,
  }).finally(() => clearInterval(ticking))
  if (route.kind === 'subscription') leaving.abort()
  else await reply.arrayBuffer()
  return reply.status
}

/** The operations that share a server: a project grows slow with thousands of agents. */
const operationsPerServer = 20
let server: TestServer | undefined
let opened = 0

/** Returns a server whose project runs. */
async function nextServer(): Promise<TestServer> {
  if (opened % operationsPerServer === 0) {
    await server?.[Symbol.asyncDispose]()
    server = await TestServer.start({ config: { devRole: 'admin', durability: 'process' } })
  }
  opened += 1
  if (!server) throw new Error('there is no server')
  return server
}

afterAll(() => server?.[Symbol.asyncDispose]())

/** Operations after which their caller cannot call, or cannot claim and receive. */
const spoilsCaller = (procedure: string): boolean => /^(agents|auth)\./.test(procedure)

describe.each(described.map((one) => [one.procedure, one] as const))('%s', (procedure, one) => {
  const documented = Object.keys(one.operation.responses)
  const rest = roundsFor(procedure) - 1
  const generated: readonly Generated[] = [
    { kind: 'example', fields: {} },
    ...fc.sample(generatedOf(one.operation), { numRuns: rest, seed }),
  ]

  test.skipIf(onPostgres && procedure === 'system.backup')(
    `replies to ${generated.length} requests of seed ${seed} with a documented status below 500`,
    async () => {
      const current = await nextServer()
      let world = await worldOf(current, `${procedure} 0`)
      let successes = 0
      for (const [index, request] of generated.entries()) {
        if (index > 0 && spoilsCaller(procedure)) {
          closeWorld(world)
          world = await worldOf(current, `${procedure} ${index}`)
        }
        // A claim of this request finds no task of another one.
        if (procedure.startsWith('tasks.')) await world.lead.tasks.cancelMany({ filter: { status: 'pending' } })
        const input = withoutWait(inputOf(one, request, await acceptedInput(procedure, world)))
        const status = await statusOf(current, procedure, input, callerOf(procedure, world))
        const isKnown = status < 500 && documented.includes(String(status))
        expect({ status, isKnown, input: isKnown ? undefined : input }).toEqual({ status, isKnown: true })
        if (status < 400) successes += 1
      }
      // The next operation finds the project running, and its agents.
      await world.lead.projects.resume({})
      await world.lead.agents.resume({ all: true })
      closeWorld(world)
      expect(successes).toBeGreaterThanOrEqual(leastSuccesses(generated.length))
    },
  )
})
