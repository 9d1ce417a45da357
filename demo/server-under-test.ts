/** The server of a run: a process of the demo or a given one. */
export interface ServerUnderTest {
  readonly url: string
  /** Path of its database after the stop. */
  readonly database: string
  /** Number of kills by the demo. */
  readonly kills: number
  start(): Promise<void>
  /** Kills the server with SIGKILL and restarts it on the same file. */
  killAndRestart(): Promise<void>
  /** Stops the server in order. A second call does nothing. */
  stop(): Promise<void>
}
