import type { WakeReason } from '@tony/mcp-shared/wakes'

/** The subject of a wake: a message or a task. */
export interface WakeSubject {
  readonly reason: WakeReason
  readonly subject: string
}

/** The text of each reason, with the next step. It has no text of another agent. */
const wakeTextByReason: Readonly<Record<WakeReason, (subject: string) => string>> = {
  message: (id) => `Message ${id} is to be read now: call the tool inbox.`,
  cancel: (id) => `Task ${id} was cancelled: stop working on it.`,
  answer: (id) => `Your question about task ${id} has an answer: call the tool next_task.`,
  task: (id) => `Task ${id} is ready: call the tool next_task.`,
}

/** Subjects that one text names. */
const maxSubjects = 5

/** Returns the text for the model of a session that is woken. */
export function wakeTextOf(wakes: readonly WakeSubject[]): string {
  const lines = wakes.slice(0, maxSubjects).map(({ reason, subject }) => wakeTextByReason[reason](subject))
  const more = wakes.length - lines.length
  return ['From the tony-mcp server:', ...lines, ...(more > 0 ? [`There are ${more} more.`] : [])].join('\n')
}
