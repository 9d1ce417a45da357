/** The store cannot be opened. The message names the remedy, and nothing was written. */
export class StoreRefusedError extends Error {
  override readonly name = 'StoreRefusedError'
}
