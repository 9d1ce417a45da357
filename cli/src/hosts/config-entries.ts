/** An entry in a host's configuration that is ours. */
export interface ConfigEntry {
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

/** The value of an entry in a file. */
export interface EntryValue {
  readonly entry: ConfigEntry
  readonly value: unknown
}

/** The file of a host cannot be used and stays unchanged. The message has the reason. */
export class HostFileError extends Error {
  override readonly name = 'HostFileError'
}

/**
 * A file format, with functions that find, insert and remove entries. Each throws HostFileError if
 * the file cannot be used.
 */
export interface ConfigFormat {
  /** Returns the entries that the file has, with their values, in order. */
  readonly find: (text: string, entries: readonly ConfigEntry[]) => EntryValue[]
  /** Inserts entries. Every other byte stays. */
  readonly insert: (text: string, values: readonly EntryValue[]) => string
  /** Removes entries, and then the containers that become empty and are not in `before`. */
  readonly remove: (text: string, entries: readonly ConfigEntry[], before: string | undefined) => string
}
