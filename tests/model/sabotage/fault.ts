/** The model test that must find the fault. */
export type Suite = 'tasks' | 'families' | 'locks' | 'messages' | 'feed'

/** One wrong line of the server. */
export interface Fault {
  readonly name: string
  /** The path from the root of the repository. */
  readonly file: string
  /**
   * The text to replace. It must be in the file exactly once, so that a fault whose line has
   * changed is an error.
   */
  readonly find: string
  readonly replace: string
}
