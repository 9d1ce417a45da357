/** An entry in a host's configuration that is ours. */
export interface Slot {
  /**
   * The kind of the entry.
   *
   * - `property`: a key of an object.
   * - `element`: an entry of a list, found by its content.
   * - `constant`: a key that the host requires beside `hooks`, added if it is missing and never
   *   changed.
   * - `block`: lines between two markers.
   */
  readonly kind: 'property' | 'element' | 'constant' | 'block'
  readonly path: readonly string[]
  /** The value of the entry. */
  readonly value: unknown
  readonly isOurs: (value: unknown) => boolean
}

/** A slot with its value in a file. */
export interface FilledSlot {
  readonly slot: Slot
  readonly value: unknown
}

/** The file of a host cannot be used and stays unchanged. The message has the reason. */
export class HostFileError extends Error {
  override readonly name = 'HostFileError'
}

/**
 * A file format, with functions that find, insert and remove slots. Each throws HostFileError if
 * the file cannot be used.
 */
export interface Format {
  /** Returns the filled slots, in order. */
  readonly find: (text: string, slots: readonly Slot[]) => FilledSlot[]
  /** Inserts slots. Every other byte stays. */
  readonly insert: (text: string, filled: readonly FilledSlot[]) => string
  /** Removes slots, and then the containers that become empty and are not in `before`. */
  readonly remove: (text: string, slots: readonly Slot[], before: string | undefined) => string
}
