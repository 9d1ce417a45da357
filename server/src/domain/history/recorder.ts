import { historyRanges } from '@tony/mcp-shared/history'
import { LoopLag } from '../../platform/loop-lag.ts'
import { Activity } from './activity.ts'
import { stepOf } from './steps.ts'

const { stepMs } = historyRanges['1h']

/** The sources of this process's samples, and the steps that are due. */
export class HistoryRecorder {
  readonly activity = new Activity()
  readonly loopLag = new LoopLag()
  /** The step in which each project was last sampled. */
  readonly #lastSteps = new Map<string, number>()
  readonly #writes = new Map<string, Promise<void>>()
  #lag = { step: 0, ms: 0 }
  #size = { step: -1, bytes: Promise.resolve(0) }

  /**
   * Calls `write` with the begin of the step that has ended, once for each step and project, and
   * waits for it. A call during the write waits for the same one.
   */
  recordEndedStep(project: string, now: number, write: (at: number) => Promise<void>): Promise<void> {
    const step = stepOf(now, stepMs)
    const last = this.#lastSteps.get(project)
    if (last !== step) {
      this.#lastSteps.set(project, step)
      if (last !== undefined) {
        const written = write(step - stepMs).finally(() => this.#writes.delete(project))
        this.#writes.set(project, written)
      }
    }
    return this.#writes.get(project) ?? Promise.resolve()
  }

  /**
   * Returns the size of the database in a step. PostgreSQL reads the sizes of all its files for it,
   * so all projects of a step get the same reading.
   */
  databaseBytesOf(step: number, read: () => Promise<number>): Promise<number> {
    if (this.#size.step !== step) this.#size = { step, bytes: read() }
    return this.#size.bytes
  }

  /** Returns the longest delay of the event loop in a step; all projects get the same one. */
  loopLagMsOf(step: number): number {
    if (this.#lag.step !== step) this.#lag = { step, ms: this.loopLag.takeMaxMs() }
    return this.#lag.ms
  }
}
