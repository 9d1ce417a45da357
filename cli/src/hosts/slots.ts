/** One place in a host's configuration that is ours. */
export interface Slot {
  /**
   * `property`: a key of an object. `element`: one of a list, known by what it is. `constant`: a key the host wants beside
   * `hooks`, written where it is missing and never changed. `block`: lines between two marks.
   */
  readonly kind: 'property' | 'element' | 'constant' | 'block'
  readonly path: readonly string[]
  /** What belongs there. */
  readonly value: unknown
  readonly isOurs: (value: unknown) => boolean
}

/** A slot as it stands in a file. */
export interface FilledSlot {
  readonly slot: Slot
  readonly value: unknown
}

/** A file of a host's that is left as it is, and why. */
export class HostFileError extends Error {
  override readonly name = 'HostFileError'
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** What a file of a kind can be read as, and how our slots go in and out. Each throws HostFileError where the file cannot be used. */
export interface Format {
  /** The slots that are filled, in their order. */
  readonly find: (text: string, slots: readonly Slot[]) => FilledSlot[]
  /** Puts them in; every other byte stays. */
  readonly insert: (text: string, filled: readonly FilledSlot[]) => string
  /** Takes them out, and what then is empty and was not there `before`. */
  readonly remove: (text: string, slots: readonly Slot[], before: string | undefined) => string
}
