import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@tony/mcp-client'
import { readConfig } from '@tony/mcp-server/config'
import { anonymousPrincipal } from '@tony/mcp-server/domain/identity/caller'
import { authenticate } from '@tony/mcp-server/guards/authenticate'
import { authorize } from '@tony/mcp-server/guards/authorize'
import type { Call, Connection } from '@tony/mcp-server/guards/call'
import { limitRate } from '@tony/mcp-server/guards/rates'
import { createLog } from '@tony/mcp-server/platform/log'
import { Metrics } from '@tony/mcp-server/platform/metrics'
import { startServer } from '@tony/mcp-server/server'
import { identifyCaller } from '@tony/mcp-server/transports/http/identify'
import { RequestChecks } from '@tony/mcp-server/transports/http/request-checks'

/**
 * Measures the CPU time that authentication, authorization and limits add to a call in this
 * process. Runs with them and without them alternate, so that other load on the machine affects
 * both. `npm run bench:guards [pairs] [calls]`.
 */
const pairs = Math.max(20, Number(process.argv[2] ?? 25))
const calls = Number(process.argv[3] ?? 50_000)

const goalUs = 10

/**
 * Half width of the two-sided 95 % interval of the t distribution, in standard errors: 2.09 for 20
 * pairs and less for more.
 */
const t95 = 2.1

interface Cost {
  readonly mean: number
  readonly bound: number
}

function costOf(differences: readonly number[]): Cost {
  const mean = differences.reduce((sum, value) => sum + value, 0) / differences.length
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (differences.length - 1)
  return { mean, bound: mean + t95 * Math.sqrt(variance / differences.length) }
}

async function cpuUsOf(run: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

/** Alternates the order of the two runs from pair to pair. */
async function measure(guarded: () => Promise<void> | void, unguarded: () => Promise<void> | void): Promise<Cost> {
  for (const warm of [guarded, unguarded, guarded, unguarded]) await warm()
  const differences: number[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    const first = pair % 2 === 0 ? guarded : unguarded
    const second = pair % 2 === 0 ? unguarded : guarded
    const [one, other] = [await cpuUsOf(first), await cpuUsOf(second)]
    differences.push(pair % 2 === 0 ? one - other : other - one)
  }
  return costOf(differences)
}

function report(title: string, { mean, bound }: Cost): void {
  const verdict = bound <= goalUs ? 'holds' : 'MISSED'
  process.stdout.write(
    `${title}: ${mean.toFixed(2)} µs a call, at most ${bound.toFixed(2)} with 95 %; the goal of ${goalUs} ${verdict}\n`,
  )
}

/** Returns the token of an agent that was registered in the usual way. */
async function registerAgent(url: string, bootstrapKey: string): Promise<string> {
  const clients: Client[] = []
  const connectWith = (token: string) => {
    const client = createClient({ url, token })
    clients.push(client)
    return client
  }
  const { key } = await connectWith(bootstrapKey).auth.keys.create({
    name: 'admin',
    roleCeiling: 'admin',
    scopes: ['*'],
  })
  const { token } = await connectWith(key).agents.register({ name: 'bench', type: 'implementation' })
  for (const client of clients) client.close()
  return token
}

/** The server's timers do not keep the process alive, so this one does. */
const keepAlive = setInterval(() => undefined, 1_000)
const folder = mkdtempSync(join(tmpdir(), 'tony-bench-'))
try {
  const file = join(folder, 'bench.db')
  const config = readConfig('serve', { DATABASE_PATH: file, MCP_PORT: '0', LOG_LEVEL: 'silent' })
  const limits = { ...config.limits, callerBurst: 1e12, callerPerSecond: 1e12 }
  await using server = await startServer({ ...config, ballastBytes: 0, limits })
  const token = await registerAgent(server.url, readFileSync(`${file}.bootstrap`, 'utf8').trim())
  const { services } = server
  const requestChecks = new RequestChecks(services.config)
  const request = new IncomingMessage(new Socket())
  request.headers.authorization = `Bearer ${token}`
  const credentials = { token, project: undefined, request }
  const identity = await identifyCaller(services, requestChecks, credentials)
  const [log, metrics] = [createLog({ logLevel: 'silent', logDir: undefined }), new Metrics()]
  const connection: Connection = { services, log, metrics, transport: 'ws', address: '127.0.0.1', identity }
  const callOf = (on: Connection): Call => ({
    connection: on,
    requestId: '',
    path: 'tasks.claim',
    kind: 'mutation',
    meta: { permission: 'tasks:work' },
    rawInput: {},
    principal: anonymousPrincipal,
  })
  let pathBytes = 0
  const countCall = (call: Call) => {
    pathBytes += call.path.length
  }
  const runGuards = (call: Call) => {
    limitRate(call)
    authenticate(call)
    authorize(call)
    countCall(call)
  }
  const repeat = (run: (call: Call) => void) => () => {
    for (let index = 0; index < calls; index += 1) run(callOf(connection))
  }
  report('on a socket (limits, authentication, authorisation)', await measure(repeat(runGuards), repeat(countCall)))
  const overHttp = (run: (call: Call) => void, getIdentity: () => Promise<Connection['identity']>) => async () => {
    for (let index = 0; index < calls; index += 1) run(callOf({ ...connection, identity: await getIdentity() }))
  }
  const identifyToken = () => identifyCaller(services, requestChecks, credentials)
  const knownIdentity = () => Promise.resolve(identity)
  report(
    'over HTTP (the same, and a token that was seen before)',
    await measure(overHttp(runGuards, identifyToken), overHttp(countCall, knownIdentity)),
  )
  if (pathBytes === 0) throw new Error('nothing was measured')
} finally {
  clearInterval(keepAlive)
  rmSync(folder, { recursive: true })
}
