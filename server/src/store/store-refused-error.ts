/** The store cannot be opened, with what to change. Nothing was written. */
export class StoreRefusedError extends Error {
  override readonly name = 'StoreRefusedError'
}
