import * as agents from '@tony/mcp-shared/agents'
import * as events from '@tony/mcp-shared/events'
import * as leases from '@tony/mcp-shared/leases'
import * as messages from '@tony/mcp-shared/messages'
import * as projects from '@tony/mcp-shared/projects'
import * as requests from '@tony/mcp-shared/requests'
import * as system from '@tony/mcp-shared/system'
import * as changes from '@tony/mcp-shared/task-changes'
import * as creation from '@tony/mcp-shared/task-creation'
import * as queries from '@tony/mcp-shared/task-queries'
import * as tasks from '@tony/mcp-shared/tasks'
import * as webhooks from '@tony/mcp-shared/webhooks'
import { z } from 'zod'

/** The procedures that the tools call, with their schemas. */
export const procedureSchemas = {
  'agents.get': { input: agents.agentGetInput, output: agents.agent },
  'agents.list': { input: agents.agentListInput, output: agents.agentListOutput },
  'agents.register': { input: agents.agentRegisterInput, output: agents.agentRegisterOutput },
  'agents.unregister': { input: agents.agentUnregisterInput, output: agents.agentUnregisterOutput },
  'events.list': { input: events.eventListInput, output: events.eventListOutput },
  'messages.ack': { input: messages.messageAckInput, output: messages.messageAckOutput },
  'messages.get': { input: messages.messageGetInput, output: messages.message },
  'messages.inProgress': { input: messages.messageInProgressInput, output: messages.messageInProgressOutput },
  'messages.receive': { input: messages.messageReceiveInput, output: messages.messageReceiveOutput },
  'messages.send': { input: messages.messageSendInput, output: messages.messageSendOutput },
  'messages.thread': { input: messages.messageThreadInput, output: messages.messageListOutput },
  'projects.create': { input: projects.projectCreateInput, output: projects.project },
  'projects.list': { input: z.strictObject({}), output: projects.projectListOutput },
  'requests.reply': { input: requests.requestReplyInput, output: requests.requestReplyOutput },
  'system.metrics': { input: z.strictObject({}), output: system.systemMetricsOutput },
  'tasks.cancel': { input: changes.taskCancelInput, output: changes.taskTransitionOutput },
  'tasks.claim': { input: leases.taskClaimInput, output: leases.taskClaimOutput },
  'tasks.complete': { input: leases.taskCompleteInput, output: changes.taskTransitionOutput },
  'tasks.createMany': { input: creation.taskCreateManyInput, output: creation.taskCreateManyOutput },
  'tasks.explain': { input: queries.taskExplainInput, output: queries.taskExplainOutput },
  'tasks.fail': { input: leases.taskFailInput, output: leases.taskFailOutput },
  'tasks.get': { input: queries.taskGetInput, output: tasks.task },
  'tasks.lock': { input: leases.taskLockInput, output: leases.taskLockOutput },
  'tasks.list': { input: queries.taskListInput, output: queries.taskListOutput },
  'tasks.progress': { input: leases.taskProgressInput, output: leases.taskProgressOutput },
  'tasks.provideInput': { input: changes.taskProvideInputInput, output: changes.taskTransitionOutput },
  'tasks.release': { input: leases.taskReleaseInput, output: leases.taskReleaseOutput },
  'tasks.requestInput': { input: leases.taskRequestInputInput, output: changes.taskTransitionOutput },
  'tasks.retry': { input: changes.taskRetryInput, output: changes.taskTransitionOutput },
  'tasks.verify': { input: changes.taskVerifyInput, output: changes.taskTransitionOutput },
  'webhooks.create': { input: webhooks.webhookCreateInput, output: webhooks.webhookCreateOutput },
  'webhooks.delete': { input: webhooks.webhookDeleteInput, output: webhooks.webhookDeleteOutput },
} as const

export type ProcedurePath = keyof typeof procedureSchemas
export type Input<P extends ProcedurePath> = z.input<(typeof procedureSchemas)[P]['input']>
export type Output<P extends ProcedurePath> = z.output<(typeof procedureSchemas)[P]['output']>

/** The procedures that need the lease of a task. The tool session adds the lease token. */
export type LeasedPath =
  | 'tasks.complete'
  | 'tasks.fail'
  | 'tasks.lock'
  | 'tasks.progress'
  | 'tasks.release'
  | 'tasks.requestInput'
export type InputWithoutLeaseToken<P extends LeasedPath> = Omit<Input<P>, 'leaseToken'>

export type Task = z.output<typeof tasks.task>
export type Message = z.output<typeof messages.message>
/** A delivery without its receipt, which the model does not need. */
export type InboxMessage = Omit<z.output<typeof messages.delivery>, 'receipt'>

/** Makes typed calls from an untyped `send`. Each output is checked by its schema. */
export function createTypedCalls(
  send: (path: ProcedurePath, input: unknown, signal: AbortSignal | undefined) => Promise<unknown>,
): <P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal) => Promise<Output<P>> {
  return async <P extends ProcedurePath>(path: P, input: Input<P>, signal?: AbortSignal) => {
    const { output } = procedureSchemas[path]
    // The compiler cannot see that the output type is inferred from this very schema.
    return output.parse(await send(path, input, signal)) as Output<P>
  }
}
