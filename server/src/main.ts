import { once } from 'node:events'
import { ConfigError, readConfig } from './config.ts'
import { systemClock } from './platform/clock.ts'
import { ignoreOutputErrors } from './platform/log-destination.ts'
import { startServer } from './server.ts'
import { SchemaError } from './store/migrations/migrate.ts'
import { StoreInUseError } from './store/sqlite/file-lock.ts'
import { StoreRefusedError } from './store/store-refused-error.ts'
import { ListenError } from './transports/http/listener.ts'

const startupErrors = [ConfigError, SchemaError, StoreInUseError, StoreRefusedError, ListenError]

/** Milliseconds from the stop to a forced exit, however long the database takes to close. */
const exitDeadlineMs = 22_000

function printError(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}

/**
 * Milliseconds from the closed database to a forced exit. A log line that waits for a reader of
 * standard error would keep the process alive.
 */
const outputGraceMs = 500

/**
 * Runs a server in this process until SIGINT or SIGTERM. A start that fails prints one line and
 * sets exit code 1. So does a server that stops because a newer version migrated its database.
 */
export async function main(mode: 'dev' | 'serve'): Promise<void> {
  ignoreOutputErrors(process.stdout)
  ignoreOutputErrors(process.stderr)
  // Registered before the start: the kernel drops a signal that process 1 of a container does not
  // handle yet.
  const stop = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  try {
    await runUntil(mode, stop)
    systemClock.timer(outputGraceMs, () => process.exit())
  } catch (error) {
    if (!startupErrors.some((kind) => error instanceof kind)) throw error
    printError(error)
  }
}

async function runUntil(mode: 'dev' | 'serve', stop: Promise<unknown>): Promise<void> {
  await using server = await startServer(readConfig(mode, process.env))
  // Node prints the error and ends the process. The log may be a file of its own.
  process.on('uncaughtExceptionMonitor', (error) => server.log.fatal({ error }, 'the server ends with an error'))
  // In dev mode SIGHUP means that the terminal closed, so its default action ends the server.
  if (mode === 'serve') process.on('SIGHUP', () => void server.reload())
  process.stdout.write(`Tony MCP Server ready ✔ ${server.url}\n`)
  const outdated = await Promise.race([stop.then(() => undefined), server.outdated])
  if (outdated) printError(outdated)
  // A close that hangs must not keep the process alive. Work that is not committed by then was
  // never acknowledged.
  systemClock.timer(exitDeadlineMs, () => process.exit())
}
