import { z } from 'zod'
import { taskStatusOutput } from './task-view.ts'
import { type AnyTool, tool } from './tool.ts'
import type { ToolSession } from './tool-session.ts'

const answer = tool({
  name: 'answer',
  title: 'Answer a question about a task',
  description:
    'Answers the question a task waits for (leads only). Questions come to your inbox; explain without a task lists them.',
  input: z.strictObject({
    taskId: z.string().describe('id of the task that waits'),
    attempt: z.int().min(1).describe('the attempt that asks, as its question and explain name it'),
    answer: z.string().min(1).max(65_536),
  }),
  output: taskStatusOutput,
  run: async (toolSession, { taskId: id, attempt, answer: text }) => {
    const { status } = await toolSession.call('tasks.provideInput', { taskId: id, attempt, answer: text })
    return { taskId: id, status, next: 'The task can be taken again, with this answer.' }
  },
})

const decisions = ['accept', 'reject', 'cancel', 'retry'] as const
type Decision = (typeof decisions)[number]

/** Calls the procedure that carries out a decision. */
function applyDecision(toolSession: ToolSession, decision: Decision, taskId: string, why: string | undefined) {
  const reason = why === undefined ? {} : { reason: why.slice(0, 4_096) }
  const note = why === undefined ? {} : { note: why }
  if (decision === 'cancel') return toolSession.call('tasks.cancel', { taskId, ...reason })
  if (decision === 'retry') return toolSession.call('tasks.retry', { taskId })
  return toolSession.call('tasks.verify', { taskId, accept: decision === 'accept', ...note })
}

const followUps: Readonly<Record<Decision, string>> = {
  accept: 'It is completed; tasks that depend on it can be taken.',
  reject: 'It can be taken again, with what you wrote.',
  cancel: 'It is over; its holder is notified to stop.',
  retry: 'It can be taken again, with all its attempts.',
}

const decide = tool({
  name: 'decide',
  title: 'Decide about a task',
  description:
    '"accept" or "reject" the result of a task in_review (testers and leads, not the one that completed it); "cancel" a task, or give a failed one another chance with "retry" (leads).',
  input: z.strictObject({
    taskId: z.string(),
    decision: z.enum(decisions),
    why: z.string().min(1).max(16_384).optional().describe('needed to do better after reject'),
  }),
  output: taskStatusOutput,
  run: async (toolSession, { taskId: id, decision, why }) => {
    const { status } = await applyDecision(toolSession, decision, id, why)
    return { taskId: id, status, next: followUps[decision] }
  },
})

export const leadTools: readonly AnyTool[] = [answer, decide]
