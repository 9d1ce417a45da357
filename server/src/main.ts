import { once } from 'node:events'
import { ConfigError, readConfig } from './config.ts'
import { systemClock } from './platform/clock.ts'
import { start } from './server.ts'
import { SchemaError } from './store/migrations/migrate.ts'
import { StoreInUseError } from './store/sqlite/file-lock.ts'
import { StoreRefusedError } from './store/store-refused-error.ts'
import { ListenError } from './transports/http/listener.ts'

const startupErrors = [ConfigError, SchemaError, StoreInUseError, StoreRefusedError, ListenError]

/** A process that was told to end has ended after this, whatever its database does. In milliseconds. */
const exitDeadlineMs = 22_000

function printError(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

/**
 * Runs a server in this process until SIGINT or SIGTERM. A start that cannot be is one clear line and exit code 1; so is the end of
 * one whose database a newer program has made its own.
 */
export async function main(mode: 'dev' | 'serve'): Promise<void> {
  // Asked for before the start: as the first process of a container, nobody else would hear one that comes during it.
  const stop = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  try {
    await using server = await start(readConfig(mode, process.env))
    // In dev mode it is the terminal that goes, and the server with it.
    if (mode === 'serve') process.on('SIGHUP', () => void server.reload())
    process.stdout.write(`Tony MCP Server ready ✔ ${server.url}\n`)
    const outdated = await Promise.race([stop.then(() => undefined), server.outdated])
    if (outdated) printError(outdated)
    // Whoever waits for the end does not wait for ever. What is not committed by then was never acknowledged.
    systemClock.timer(exitDeadlineMs, () => process.exit())
  } catch (error) {
    if (!startupErrors.some((kind) => error instanceof kind)) throw error
    printError(error)
  }
}
