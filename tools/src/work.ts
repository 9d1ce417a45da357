import { z } from 'zod'
import type { Task } from './calls.ts'
import { taskStatusOutput, toWorkView, workView } from './task-view.ts'
import { longTextWarning } from './text-part.ts'
import { type AnyTool, tool } from './tool.ts'
import type { ToolSession } from './tool-session.ts'

const taskId = z.string().describe('id of a task you hold, from next_task')

const artifacts = z
  .array(z.strictObject({ name: z.string().min(1).max(200), uri: z.string().min(1).max(4_096) }))
  .max(64)
  .optional()
  .describe('files or links that belong to the task')

/** Returns a task that this session holds already, for a model that has forgotten it. */
async function findHeldTask(toolSession: ToolSession): Promise<Task | undefined> {
  const identity = await toolSession.ensureJoined()
  const { tasks } = await toolSession.call('tasks.list', {
    status: 'in_progress',
    claimedBy: identity.agentId,
    limit: 1,
  })
  return tasks[0]
}

const nextTask = tool({
  name: 'next_task',
  title: 'Take the next task',
  description:
    'Takes the next task you may work on and keeps it yours until you end it: with complete, fail or ask. Waits up to waitSeconds for one, or for a message. If you hold a task already, it is shown again.',
  input: z.strictObject({
    waitSeconds: z.int().min(0).max(43_200).default(45).describe('how long to wait when there is no task yet'),
    another: z.boolean().default(false).describe('take one more although you hold one, for a sub-agent of yours'),
  }),
  output: z.object({ task: workView.nullable(), next: z.string() }),
  // A message disturbs nothing between two tasks, and a model that takes one task after another has
  // no other end of a turn.
  messageMode: 'turn_end',
  run: async (toolSession, { waitSeconds, another }, { signal, budget }) => {
    const current = another ? undefined : await findHeldTask(toolSession)
    const waitMs = Math.min(waitSeconds * 1_000, toolSession.maxWaitMs)
    const task = current ?? (await toolSession.claim({ waitMs, signal }))
    if (!task) return { task: null, next: 'There is no task now. Call next_task again, or end your turn.' }
    const prefix = current
      ? 'You hold this task already; for a second one, as for a sub-agent, pass another: true. '
      : ''
    return {
      task: await toWorkView(toolSession, task, budget),
      next: `${prefix}Do it, note milestones with progress, and end it with complete. If you cannot go on without an answer, call ask. If it fails, call fail.`,
    }
  },
})

const progress = tool({
  name: 'progress',
  title: 'Note progress',
  description:
    'Notes how far a task is. Not needed to keep the task. "notes" are handed to whoever goes on with it if you cannot: say what is done and what is left.',
  input: z.strictObject({
    taskId,
    percent: z.number().min(0).max(100).optional(),
    message: z.string().max(4_096).optional().describe('one line for those who watch'),
    notes: z.string().max(16_384).optional(),
    artifacts,
  }),
  output: z.object({ taskId: z.string(), next: z.string() }),
  run: async (toolSession, { taskId: id, percent, message, notes, artifacts: files }) => {
    await toolSession.callWithLease('tasks.progress', {
      taskId: id,
      ...(percent === undefined ? {} : { percent }),
      ...(message === undefined ? {} : { message }),
      ...(notes === undefined ? {} : { details: notes }),
      ...(files === undefined ? {} : { artifacts: files }),
    })
    return { taskId: id, next: 'Noted. Go on.' }
  },
})

const lock = tool({
  name: 'lock',
  title: 'Lock files or resources',
  description:
    'Locks what a task you hold must have for itself until it ends: "file:src/auth" for a path, "port:3456" for anything else, "pool:gpu" for a place in a pool. All or none.',
  input: z.strictObject({ taskId, locks: z.array(z.string().min(1).max(300)).min(1).max(32) }),
  output: z.object({ taskId: z.string(), locks: z.array(z.string()), next: z.string() }),
  run: async (toolSession, { taskId: id, locks }) => {
    const held = await toolSession.callWithLease('tasks.lock', { taskId: id, locks })
    return { taskId: id, locks: held.locks, next: 'They are yours until the task ends. Go on.' }
  },
})

const complete = tool({
  name: 'complete',
  title: 'Complete a task',
  description:
    'Ends a task you hold with its result. Tasks that depend on it get the result: say what was done and where it is.',
  messageMode: 'boundary',
  input: z.strictObject({ taskId, result: z.unknown().describe('text or JSON'), artifacts }),
  output: taskStatusOutput,
  run: async (toolSession, { taskId: id, result, artifacts: files }) => {
    const completion = { taskId: id, result, ...(files === undefined ? {} : { artifacts: files }) }
    const { status } = await toolSession.callWithLease('tasks.complete', completion)
    const next = status === 'in_review' ? 'Somebody else reviews it. Call next_task.' : 'Done. Call next_task.'
    return { taskId: id, status, next: `${next}${longTextWarning(JSON.stringify(result) ?? '')}` }
  },
})

const fail = tool({
  name: 'fail',
  title: 'Fail or release a task',
  description:
    'Ends your attempt at a task. "retry": another attempt may succeed. "final": no attempt can. "release": nothing is wrong with it, somebody else should take it.',
  messageMode: 'boundary',
  input: z.strictObject({
    taskId,
    why: z.string().min(1).max(16_384),
    outcome: z.enum(['retry', 'final', 'release']).default('retry'),
  }),
  output: taskStatusOutput,
  run: async (toolSession, { taskId: id, why, outcome }) => {
    if (outcome === 'release') {
      await toolSession.callWithLease('tasks.progress', { taskId: id, message: why.slice(0, 4_096) })
      const { status } = await toolSession.callWithLease('tasks.release', { taskId: id })
      return { taskId: id, status, next: 'Released. Call next_task when you can take another.' }
    }
    const { status } = await toolSession.callWithLease('tasks.fail', {
      taskId: id,
      error: why,
      retryable: outcome === 'retry',
    })
    return { taskId: id, status, next: 'Call next_task.' }
  },
})

/** Sends a question to the leads. Returns true if at least one lead got it. */
async function sendQuestionToLeads(toolSession: ToolSession, about: string, question: string): Promise<boolean> {
  const message = await toolSession
    .call('messages.send', { to: 'role:tech-lead', type: 'question', payload: question, taskId: about })
    .catch(() => undefined)
  return (message?.recipients.length ?? 0) > 0
}

const ask = tool({
  name: 'ask',
  title: 'Ask about a task',
  description:
    'Asks a lead or the user something you cannot go on without. The task leaves you and waits for the answer; then it comes back through next_task with the answer and your notes, to you or to another agent. For a question that need not stop the work use send.',
  messageMode: 'boundary',
  input: z.strictObject({
    taskId,
    question: z.string().min(1).max(16_384),
    options: z.array(z.string().min(1).max(1_000)).min(1).max(20).optional().describe('answers to choose from'),
    notes: z.string().max(16_384).optional().describe('what is done and what is left'),
    waitMinutes: z.number().min(1).max(43_200).optional().describe('then defaultAnswer is taken; default: no limit'),
    defaultAnswer: z.string().optional(),
  }),
  output: taskStatusOutput,
  run: async (toolSession, { taskId: id, question, options, notes, waitMinutes, defaultAnswer }) => {
    // Before the question is asked, because somebody may answer it at once.
    const attempt = await toolSession.call('tasks.get', { taskId: id }).then(
      (task) => task.attempt,
      () => undefined,
    )
    const { status } = await toolSession.callWithLease('tasks.requestInput', {
      taskId: id,
      question,
      ...(options ? { options } : {}),
      ...(notes === undefined ? {} : { details: notes }),
      ...(waitMinutes === undefined ? {} : { deadlineMs: Math.round(waitMinutes * 60_000) }),
      ...(defaultAnswer === undefined ? {} : { defaultAnswer }),
    })
    const lines = [
      question,
      options && `Options: ${options.join(' | ')}`,
      attempt && `Answer it for attempt ${attempt}.`,
    ]
    const leadsNotified = await sendQuestionToLeads(toolSession, id, lines.filter(Boolean).join('\n'))
    const outcome = leadsNotified
      ? 'The leads are told.'
      : 'No lead is here: tell the user the question and the id of the task.'
    return { taskId: id, status, next: `${outcome} Call next_task: this task when it is answered, or another.` }
  },
})

export const workTools: readonly AnyTool[] = [nextTask, progress, lock, complete, fail, ask]
