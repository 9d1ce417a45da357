export { Agent, type AgentOptions } from './agent.ts'
export type { CallOptions, SubscribeOptions, Subscription } from './calls.ts'
export { type CallRecord, type Client, type ClientOptions, createClient } from './client.ts'
export type { ConnectionState } from './connection.ts'
export { type ErrorCode, TonyError } from './errors.ts'
export { fenced, type Sender } from './fenced.ts'
export type {
  AgentInfo,
  Api,
  DeadLetter,
  Delivery,
  FeedEvent,
  LeasedTask,
  Message,
  Project,
  Task,
} from './generated/api.ts'
export type { MailOptions } from './mail.ts'
export type { IncomingRequest, RequestHandler } from './requests.ts'
export type { SessionTokens } from './session.ts'
export {
  FinalError,
  type Question,
  type WorkContext,
  type WorkHandler,
  type WorkLoop,
  type WorkOptions,
} from './work.ts'
