/** The server a run is about: a process of the demo's own, or one that others started. */
export interface ServerUnderTest {
  readonly url: string
  /** Where its database is once it has been stopped. */
  readonly database: string
  /** How often the demo killed it. */
  readonly kills: number
  start(): Promise<void>
  /** kill -9, and up again on the same file. */
  killAndRestart(): Promise<void>
  /** Ends it in an orderly way; once stopped, does nothing. */
  stop(): Promise<void>
}
