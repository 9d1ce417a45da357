import { same } from './differs.ts'
import { type Caller, type Fact, Refusal, State } from './state.ts'
import type { Outcome, StoredEvent, World } from './world.ts'

/** The rows of one kind: the model compares them after each command, and time changes them. */
export interface Part {
  /** Returns the next time at which something is due, after the model's own time. */
  readonly nextDue: (state: State) => number
  /** Applies everything that is due in the model. */
  readonly settle: (state: State) => void
  /** Fails the run if the rows differ from the model. */
  readonly compare: (state: State, world: World) => Promise<void>
}

/** An event in the form in which the model and the server agree. */
export interface Told {
  readonly fact: Fact
  readonly event: StoredEvent
}

/** The documented fields of the data of each event type. */
export type Documented = ReadonlyMap<string, readonly string[]>

const expectedOf = (run: () => unknown): { ok: true; value: unknown } | { ok: false; code: string } => {
  try {
    return { ok: true, value: run() }
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, code: error.code }
    throw error
  }
}

/**
 * Sorts the facts by subject. Facts of one subject have an order; those of different subjects in
 * one sweep have none.
 */
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
 * The distance within a second, in milliseconds, between two successive commands. Every duration is
 * a multiple of 125 ms. The effects of a command are therefore due at other times than those of the
 * 124 other commands, and sweeps run one millisecond after each.
 */
const placeMs = 13
const secondMs = 1_000

/** A run: the server and the model side by side. */
export class Play {
  readonly state: State
  readonly world: World
  /** All events so far. The events of one sweep have no order. */
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

  /** Advances to the next time whose place in the second no other command of the run has. */
  async turn(): Promise<void> {
    this.#turns += 1
    const ahead = this.#turns * placeMs - (this.state.now - this.#begun)
    await this.advance(((ahead % secondMs) + secondMs) % secondMs || secondMs)
  }

  /** Advances the clock. Sweeps run after each time at which something is due. */
  async advance(ms: number): Promise<void> {
    const end = this.state.now + ms
    while (this.state.now < end) {
      const due = this.nextDue()
      // The sweep runs one millisecond later, so that the exact millisecond of a deadline does not
      // matter.
      this.#pass(Math.min(end, due + 1))
      if (due < this.state.now) await this.sweep()
    }
  }

  /** Moves both clocks. */
  #pass(to: number): void {
    this.world.pass(to - this.state.now)
    this.state.now = to
  }

  /** Advances to just after a time without a sweep. The caller runs the sweep. */
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

  /** Calls the server, and fails the run if its reply differs from the model's. */
  async call(caller: Caller, path: string, input: object, predict: () => unknown): Promise<Outcome> {
    this.world.site.clock.chance = this.state.chance
    const expected = expectedOf(predict)
    if (!expected.ok) this.state.facts = this.state.facts.filter(({ type }) => type === 'task.orphaned')
    const actual = await this.world.call(caller, path, input)
    same(expected, actual, path)
    return actual
  }

  /**
   * Compares the server and the model after the calls of a command, when the model has the server's
   * ids.
   */
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
