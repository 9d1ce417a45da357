import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { z } from 'zod'
import type { Operation } from './trace.ts'

/** The answers that the callers had been sent by a place in the trace. */
export interface Acknowledged {
  /** The histories up to there; a call that was answered later has no outcome. */
  readonly histories: readonly string[]
  readonly calls: number
  readonly agents: readonly string[]
  readonly tasks: readonly string[]
  readonly backups: readonly string[]
}

const line = z.object({
  place: z.number(),
  type: z.enum(['invoke', 'ok', 'fail', 'info']),
  f: z.string(),
  out: z.unknown().optional(),
})

interface Entry extends z.output<typeof line> {
  readonly text: string
}

const registered = z.object({ agentId: z.string() })
const created = z.object({ tasks: z.array(z.object({ id: z.string() })) })
const backedUp = z.object({ path: z.string() })

const entriesOf = (text: string): Entry[] =>
  text
    .split('\n')
    .filter(Boolean)
    .map((one) => ({ ...line.parse(JSON.parse(one)), text: one }))

/**
 * The answers of a run in the order of its trace. An answer was sent no later than at the last mark
 * of a reply before its caller read it.
 */
export class Answers {
  readonly #files: { readonly name: string; readonly entries: readonly Entry[] }[]
  readonly #replies: readonly number[]

  constructor(histories: readonly string[], operations: readonly Operation[]) {
    this.#files = histories.map((file) => ({ name: basename(file), entries: entriesOf(readFileSync(file, 'utf8')) }))
    this.#replies = operations.filter(({ kind }) => kind === 'reply').map(({ end }) => end)
  }

  /** Writes the histories as they were at a place and reads their answers. */
  upTo(place: number, folder: string): Acknowledged {
    const kept = this.#files.map(({ name, entries }) => ({
      file: join(folder, name),
      entries: entries.filter((entry) => this.#wasThere(entry, place)),
    }))
    for (const { file, entries } of kept) writeFileSync(file, entries.map(({ text }) => `${text}\n`).join(''))
    const answered = kept.flatMap(({ entries }) => entries).filter(({ type, f }) => type === 'ok' && f !== 'watch')
    const outputs = (f: string) => answered.filter((entry) => entry.f === f).map(({ out }) => out)
    return {
      histories: kept.map(({ file }) => file),
      calls: answered.length,
      agents: outputs('register').map((out) => registered.parse(out).agentId),
      tasks: outputs('createMany').flatMap((out) => created.parse(out).tasks.map(({ id }) => id)),
      backups: outputs('backup').map((out) => backedUp.parse(out).path),
    }
  }

  /** The acknowledged backups with the places of their answers, in order. */
  backups(): { readonly path: string; readonly place: number }[] {
    return this.#files
      .flatMap(({ entries }) => entries)
      .filter(({ type, f }) => type === 'ok' && f === 'backup')
      .map(({ out, place }) => ({ path: backedUp.parse(out).path, place: this.#sentAt(place) }))
      .toSorted((a, b) => a.place - b.place)
  }

  #wasThere({ type, f, place }: Entry, cut: number): boolean {
    if (f === 'watch') return true
    return type === 'invoke' ? place < cut : this.#sentAt(place) <= cut
  }

  /** The last reply before a place, by bisection. */
  #sentAt(place: number): number {
    let [low, high] = [0, this.#replies.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#replies[middle] ?? 0) <= place) low = middle + 1
      else high = middle
    }
    return this.#replies[low - 1] ?? place
  }
}
