import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { ServerUnderTest } from './server-under-test.ts'

/** The settings of a server that the demo did not start. */
export interface GivenServerSettings {
  readonly url: string
  /** Shell command that stops the server and leaves its database at `database`. */
  readonly stop: string
  readonly database: string
}

/** A server started elsewhere, for example in a container. The demo uses only its address. */
export class GivenServer implements ServerUnderTest {
  readonly url: string
  readonly database: string
  readonly kills = 0
  readonly #stopCommand: string
  #stopped: Promise<void> | undefined

  constructor({ url, stop, database }: GivenServerSettings) {
    this.url = url
    this.database = database
    this.#stopCommand = stop
  }

  async start(): Promise<void> {
    const ready = new URL('/readyz', this.url)
    const { status } = await fetch(ready).catch((cause: unknown) => {
      throw new Error(`no server replies at ${this.url}`, { cause })
    })
    if (status !== 200) throw new Error(`the server is not ready: ${ready} returns ${status}`)
  }

  killAndRestart(): Promise<void> {
    return Promise.reject(new Error('the demo does not kill a given server'))
  }

  stop(): Promise<void> {
    // A second attempt would only hide the reason for the failure of the first.
    this.#stopped ??= runShell(this.#stopCommand)
    return this.#stopped
  }
}

async function runShell(command: string): Promise<void> {
  const [code] = await once(spawn(command, { shell: true, stdio: ['ignore', 'inherit', 'inherit'] }), 'exit')
  if (code !== 0) throw new Error(`the command that stops the server exited with code ${code}: ${command}`)
}
