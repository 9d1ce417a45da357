/** Which of the model tests is to notice. */
export type Suite = 'tasks' | 'locks' | 'messages' | 'feed'

/** One line of the server, wrong. */
export interface Fault {
  readonly name: string
  /** From the root. */
  readonly file: string
  /** Must be in the file exactly once: a fault whose line has changed is an error, not a fault that is not there. */
  readonly find: string
  readonly replace: string
}
