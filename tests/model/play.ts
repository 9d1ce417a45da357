import { same } from './differs.ts'
import { type Caller, type Fact, Refusal, State } from './state.ts'
import type { Outcome, StoredEvent, World } from './world.ts'

/** One kind of rows the model compares after each command, and what time does to them. */
export interface Part {
  /** The next moment something is due, after the one the model is at. */
  readonly nextDue: (state: State) => number
  /** What is due by now happens in the model. */
  readonly settle: (state: State) => void
  /** Fails the run where the rows are not what the model says. */
  readonly compare: (state: State, world: World) => Promise<void>
}

/** An event as the model and the server agreed on it. */
export interface Told {
  readonly fact: Fact
  readonly event: StoredEvent
}

/** Words the documentation gives the data of an event, by type. */
export type Documented = ReadonlyMap<string, readonly string[]>

const expectedOf = (run: () => unknown): { ok: true; value: unknown } | { ok: false; code: string } => {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code }
    throw error
  }
}

/** Each subject's facts in their order; those of different subjects that one sweep brings about have none. */
const bySubject = <T>(facts: readonly T[], subjectOf: (fact: T) => string): T[] =>
  facts
    .map((fact, index) => ({ fact, index, subject: subjectOf(fact) }))
    .toSorted((a, b) => (a.subject < b.subject ? -1 : a.subject > b.subject ? 1 : a.index - b.index))
    .map(({ fact }) => fact)

const shown = ({ type, subject, actor, data }: Fact) => ({
  type,
  subject: subject?.id ?? null,
  actor: actor?.id ?? null,
  data,
})

/**
 * How far apart in the second two commands in a row are. Every duration there is, is a multiple of 125 ms: what one
 * command sets off is due at another moment than what any of the 124 others does, and sweeps run one past that.
 */
const placeMs = 13
const secondMs = 1_000

/** A run: the server and the model side by side. */
export class Play {
  readonly state: State
  readonly world: World
  /** Every event so far; those of one sweep in no order. */
  readonly told: Told[] = []
  readonly #parts: readonly Part[]
  readonly #documented: Documented
  readonly #begun: number
  #turns = 0

  private constructor(world: World, parts: readonly Part[], documented: Documented) {
    this.world = world
    this.state = new State(world.agents)
    this.state.now = world.now
    this.#begun = world.now
    this.#parts = parts
    this.#documented = documented
  }

  static async begin(world: World, parts: readonly Part[], documented: Documented): Promise<Play> {
    const play = new Play(world, parts, documented)
    for (const agent of world.agents) {
      const { name, role, capabilities } = agent
      play.state.tell('agent.registered', agent, agent, { name, type: 'worker', role, capabilities, incarnation: 1 })
    }
    await play.agree('agents.register')
    return play
  }

  /** Time passes to the next moment of a place in the second that no other command of the run has. */
  async turn(): Promise<void> {
    this.#turns += 1
    const ahead = this.#turns * placeMs - (this.state.now - this.#begun)
    await this.advance(((ahead % secondMs) + secondMs) % secondMs || secondMs)
  }

  /** Time passes, and sweeps run after each moment at which something is due. */
  async advance(ms: number): Promise<void> {
    const end = this.state.now + ms
    while (this.state.now < end) {
      const due = this.nextDue()
      // One past the moment, so that nothing depends on whether a deadline's own millisecond is in time.
      this.#pass(Math.min(end, due + 1))
      if (due < this.state.now) await this.sweep()
    }
  }

  /** Moves both clocks. */
  #pass(to: number): void {
    this.world.pass(to - this.state.now)
    this.state.now = to
  }

  /** Time passes to just after a moment, and no sweep has seen it yet: the caller sweeps. */
  skipTo(moment: number): void {
    this.#pass(moment + 1)
  }

  nextDue(): number {
    return Math.min(...this.#parts.map(({ nextDue }) => nextDue(this.state)))
  }

  async sweep(): Promise<void> {
    for (const part of this.#parts) part.settle(this.state)
    await this.world.sweep()
    await this.#compareEvents(true, 'sweep')
    await this.#compareRows()
  }

  /** Calls the server, and fails the run unless it answers as the model does. */
  async call(caller: Caller, path: string, input: object, predict: () => unknown): Promise<Outcome> {
    this.world.site.clock.chance = this.state.chance
    const expected = expectedOf(predict)
    if (!expected.ok) this.state.facts = this.state.facts.filter(({ type }) => type === 'task.orphaned')
    const actual = await this.world.call(caller, path, input)
    same(expected, actual, path)
    return actual
  }

  /** After a command's calls, when the model has the ids the server gave. */
  async agree(path: string): Promise<void> {
    await this.#compareEvents(false, path)
    await this.#compareRows()
  }

  async #compareEvents(unordered: boolean, path: string): Promise<void> {
    const events = await this.world.events()
    const { facts } = this.state
    this.state.facts = []
    const got = unordered ? bySubject(events, ({ subject }) => subject ?? '') : events
    const wanted = unordered ? bySubject(facts, ({ subject }) => subject?.id ?? '') : facts
    const parsed = got.map(({ data, ...event }) => ({ ...event, data: JSON.parse(data) }))
    same(wanted.map(shown), parsed, `events of ${path}`)
    for (const [index, { seq, type, at }] of events.entries()) {
      same({ seq: this.world.seen + index + 1, at: this.state.now }, { seq, at }, `number and time of ${type}`)
    }
    for (const { type, subject, data } of parsed) {
      if (type.startsWith('message.')) same(subject, data.messageId, `messageId of ${type}`)
      this.#compareKeys(type, Object.keys(data))
    }
    for (const [index, fact] of wanted.entries()) {
      const event = got[index]
      if (event) this.told.push({ fact, event })
    }
    this.world.seen += events.length
  }

  #compareKeys(type: string, keys: readonly string[]): void {
    same(this.#documented.get(type) ?? [], keys.toSorted(), `data of ${type}`)
  }

  async #compareRows(): Promise<void> {
    for (const part of this.#parts) await part.compare(this.state, this.world)
  }
}
