/** A random number generator with a seed. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Returns a number in [0, 1): mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  of<T>(things: readonly [T, ...T[]]): T {
    return things[this.below(things.length)] ?? things[0]
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }
}

/** An accepted call from which hostile calls are made. */
export interface Sample {
  readonly path: string
  readonly kind: string
  readonly input: unknown
}

/** A frame. `raw` is sent as the bytes of a text frame or of a binary one. */
export type Hostile = { readonly text: string } | { readonly raw: Buffer; readonly binary: boolean }

/**
 * Placeholders for values that only JSON text can express. They are replaced in the serialized
 * text.
 */
const spelled: Readonly<Record<string, string>> = {
  '@infinite': '1e400',
  '@negative': '-1e400',
  '@rounded': '9007199254740993',
  '@tiny': '1e-400',
  '@deep': `${'['.repeat(2_000)}${']'.repeat(2_000)}`,
  '@deeper': `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
  '@surrogate': '"\\ud800"',
  '@nul': '"a\\u0000b"',
}

const values: readonly [unknown, ...unknown[]] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  1e308,
  -1e308,
  2 ** 53,
  '',
  ' ',
  '\n',
  '0',
  '-1',
  'null',
  'role:developer',
  '*',
  'role:',
  'topic:x',
  '__proto__',
  "'; DROP TABLE tasks; --",
  '../../etc/passwd',
  '%00',
  '{{7*7}}',
  '\u202e',
  '𝒳'.repeat(300),
  'x'.repeat(201),
  'x'.repeat(5_000),
  [],
  {},
  [[]],
  [null],
  { length: -1 },
  { toString: 1 },
  Object.fromEntries([['then', 1]]),
  { a: { b: { c: {} } } },
  Array(300).fill(0),
  '01890000-0000-7000-8000-000000000000',
  '01890000-0000-7000-8000-00000000000G',
  'start',
  'a.1',
  `${'9'.repeat(15)}`,
  '2026-02-31T00:00:00.000Z',
  '9999-12-31T23:59:59.999Z',
  '-271821-04-20T00:00:00.000Z',
  ...Object.keys(spelled),
]

const keys: readonly [string, ...string[]] = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'then',
  'idempotencyKey',
  'lastEventId',
  'cursor',
  'limit',
  'waitMs',
  'leaseMs',
  'slots',
  'tasks',
  'metadata',
  'dependsOn',
  'parentId',
  'assignedTo',
  'requires',
  'notBefore',
  'result',
  'delayMs',
  '',
  'a'.repeat(300),
]

export class Mutator {
  readonly #dice: Dice
  readonly #samples: readonly [Sample, ...Sample[]]
  #id = 0

  constructor(dice: Dice, samples: readonly [Sample, ...Sample[]]) {
    this.#dice = dice
    this.#samples = samples
  }

  next(): Hostile {
    const dice = this.#dice
    const roll = dice.next()
    if (roll < 0.15) return this.#text(this.#envelope())
    if (roll < 0.66) return this.#text(this.#call())
    if (roll < 0.74) return this.#text(this.#changed(this.#envelope(), dice.below(3) + 1))
    if (roll < 0.83) return { text: this.#scrambled(this.#text(this.#call()).text) }
    if (roll < 0.89) return this.#text(this.#random(3))
    if (roll < 0.93)
      return this.#text(
        Array.from({ length: dice.below(6) }, () => (dice.chance(0.9) ? this.#call() : this.#random(1))),
      )
    if (roll < 0.955)
      return {
        text: dice.of(['['.repeat(10_000), `${'['.repeat(50_000)}${']'.repeat(50_000)}`, '{"a":'.repeat(5_000)]),
      }
    if (roll < 0.965) return this.#text({ ...this.#envelope(), extra: 'x'.repeat(dice.below(200_000)) })
    if (roll < 0.98)
      return {
        text: dice.of([
          'PING',
          'PONG',
          'ping',
          '{"method":"connectionParams","data":{}}',
          `{"id":${dice.below(50)},"method":"subscription.stop"}`,
        ]),
      }
    const raw = Buffer.from(Array.from({ length: dice.below(300) }, () => dice.below(256)))
    return { raw, binary: dice.chance(0.3) }
  }

  #envelope(input?: unknown): Record<string, unknown> {
    this.#id += 1
    const { path, kind, input: valid } = this.#dice.of(this.#samples)
    return { id: this.#id % 5_000, method: kind, params: { path, input: input ?? structuredClone(valid) } }
  }

  /** Makes a call of a procedure with a wrong input. */
  #call(): Record<string, unknown> {
    const envelope = this.#envelope()
    const params = envelope['params'] as { input: unknown }
    params.input = this.#dice.chance(0.05) ? this.#random(4) : this.#changed(params.input, this.#dice.below(3) + 1)
    return envelope
  }

  #changed(value: unknown, times: number): unknown {
    let result = value
    for (let time = 0; time < times; time += 1) result = this.#change(result)
    return result
  }

  /** Makes one change somewhere in a value. */
  #change(value: unknown): unknown {
    const dice = this.#dice
    if (typeof value === 'object' && value !== null && !dice.chance(0.15)) {
      const entries = Object.entries(value)
      const at = dice.below(entries.length + 1)
      const [key, inner] = entries[at] ?? [dice.of(keys), undefined]
      const roll = dice.next()
      if (at < entries.length && roll < 0.2) entries.splice(at, 1)
      else if (at < entries.length) entries[at] = [roll < 0.3 ? dice.of(keys) : key, this.#change(inner)]
      else entries.push([key, this.#random(2)])
      // Keeps all own properties, `__proto__` included.
      return Array.isArray(value) ? entries.map(([, entry]) => entry) : Object.fromEntries(entries)
    }
    if (typeof value === 'string' && dice.chance(0.4)) return this.#scrambled(value)
    if (typeof value === 'number' && dice.chance(0.5)) return dice.of([-value, value + 0.5, value * 1e6, value - 1])
    return this.#random(2)
  }

  #random(depth: number): unknown {
    const dice = this.#dice
    if (depth === 0 || dice.chance(0.6)) return dice.of(values)
    if (dice.chance(0.4)) return Array.from({ length: dice.below(6) }, () => this.#random(depth - 1))
    return Object.fromEntries(Array.from({ length: dice.below(6) }, () => [dice.of(keys), this.#random(depth - 1)]))
  }

  #scrambled(text: string): string {
    const dice = this.#dice
    const at = dice.below(text.length + 1)
    const odd = dice.of(['"', '\\', '{', '}', '[', ',', ':', '\u0000', '\u2028', '0', '-', 'e', '\\u', 'x', ''])
    return dice.of([
      () => text.slice(0, at),
      () => text.slice(0, at) + odd + text.slice(at),
      () => text.slice(0, at) + odd + text.slice(at + 1),
      () => text + text,
      () => text.slice(at),
    ])()
  }

  #text(value: unknown): { text: string } {
    const text = JSON.stringify(value) ?? ''
    return {
      text: text.includes('"@') ? text.replaceAll(/"(@\w+)"/g, (whole, name: string) => spelled[name] ?? whole) : text,
    }
  }
}
