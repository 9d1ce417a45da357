import { jsonObject } from '@tony/mcp-shared/ids'
import { z } from 'zod'

/** Fields that this server does not read are ignored, as the protocol requires. */
const part = z.looseObject({
  text: z.string().optional(),
  data: z.unknown().optional(),
  url: z.string().optional(),
  raw: z.string().optional(),
  mediaType: z.string().optional(),
  filename: z.string().optional(),
})
export type A2aPart = z.output<typeof part>

const message = z.looseObject({
  messageId: z.string().min(1).max(200),
  contextId: z.string().max(200).optional(),
  taskId: z.string().max(200).optional(),
  role: z.string().optional(),
  parts: z.array(part).min(1).max(100),
  metadata: jsonObject.optional(),
})
export type A2aMessage = z.output<typeof message>

/** Name or id of the agent that the work is for. Empty means any agent. */
const tenant = z.string().max(128).optional()

/** Number of messages of the history: all without a number, none with 0. */
const historyLength = z.int().min(0).optional()

export const sendMessageParams = z.looseObject({
  tenant,
  message,
  configuration: z.looseObject({ returnImmediately: z.boolean().optional(), historyLength }).optional(),
  metadata: jsonObject.optional(),
})
export type SendMessageParams = z.output<typeof sendMessageParams>

export const getTaskParams = z.looseObject({ tenant, id: z.string().min(1).max(200), historyLength })

export const cancelTaskParams = z.looseObject({ tenant, id: z.string().min(1).max(200) })

/** The states of a task in A2A. */
export const taskStates = [
  'TASK_STATE_SUBMITTED',
  'TASK_STATE_WORKING',
  'TASK_STATE_INPUT_REQUIRED',
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
  'TASK_STATE_AUTH_REQUIRED',
] as const
export type TaskState = (typeof taskStates)[number]

export const listTasksParams = z
  .looseObject({
    tenant,
    contextId: z.string().max(200).optional(),
    // A client without a filter sends `UNRECOGNIZED`, so an unknown state is none.
    status: z.enum(taskStates).optional().catch(undefined),
    pageSize: z.int().min(1).max(100).default(50),
    pageToken: z.string().max(200).optional(),
    historyLength,
    statusTimestampAfter: z.iso.datetime({ offset: true }).optional(),
    includeArtifacts: z.boolean().default(false),
  })
  .default({ pageSize: 50, includeArtifacts: false })
export type ListTasksParams = z.output<typeof listTasksParams>

/** A request of JSON-RPC. A notification has no id, and no method of A2A is one. */
export const rpcRequest = z.looseObject({
  jsonrpc: z.literal('2.0'),
  id: z.union([z.string(), z.number()]),
  method: z.string().max(100),
  params: z.unknown().optional(),
})
